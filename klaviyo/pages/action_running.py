"""Running of actions from a page: what a form gives, on record first, and once however often its button is pressed."""

import hashlib
import json

from django.contrib.auth.models import User

from integrations.models import Connection
from klaviyo.actions import queue, record
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs
from klaviyo.actions.record import By
from klaviyo.actions.run import perform
from klaviyo.actions.turns import HandedOver, Turn
from klaviyo.models import ActionRun

TURN = 8.0  # seconds that a page holds its worker


def begin(
    action: Action, connection: Connection, given: Inputs, user: User, *, form: str = "", dry: bool = False
) -> tuple[ActionRun, bool]:
    """The run of what a form gives, and whether it is new: the same form with the same input is run once.

    Whoever goes back and changes the input runs it anew, so the input is a part of the key.
    """
    by = By(ActionRun.Origin.PAGE, user)
    said = json.dumps([action.name, record.plain(given)], sort_keys=True)
    digest = hashlib.sha256(f"{form} {said}".encode("utf-8", "surrogatepass")).hexdigest()
    key = "" if dry else f"page {user.pk} {digest}"
    row, is_new = record.begin(action, connection, given, by=by, key=key, is_dry=dry)
    if is_new:
        _do(row, action, given)
        row.refresh_from_db()
    return row, is_new


def _do(row: ActionRun, action: Action, given: Inputs) -> None:
    """Here for a few seconds; then by a worker, where it may begin from its start."""
    try:
        perform(row, action, given, deadline=Turn(given.timeout_seconds, TURN))
    except HandedOver:
        queue.put(row, given)
