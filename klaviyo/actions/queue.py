"""Queue of runs that wait for a worker. Each is taken by one worker, once: whoever changes its state has it."""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from integrations import messaging
from integrations.api import tokens
from integrations.api.outcome import Outcome, error, failure
from integrations.encryption import Undecryptable
from integrations.models import ApiToken
from integrations.wire.deadline import Deadline
from klaviyo.actions import catalogue, checking, record
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs
from klaviyo.actions.run import perform
from klaviyo.api.named import gaps, names_in, without
from klaviyo.consent import reach
from klaviyo.models import ActionRun

TASK = "klaviyo.tasks.run_action"
OVERDUE = timedelta(seconds=5)  # by then a worker has heard of it, or never will
GOOD_FOR = 3_600  # seconds, the longest that a run may take
CANNOT_BE_READ = "Its input cannot be read any more, so it was not begun."
State = ActionRun.State
log = logging.getLogger(__name__)


def put(row: ActionRun, given: Inputs) -> None:
    """Give a run that is under way here to a worker, which begins it from its start; and tell one."""
    names = names_in(record.plain(given))
    with transaction.atomic():
        # Of who was erased meanwhile nothing is written again: a run without an input is not begun.
        rows = ActionRun.objects.select_for_update(of=("self",)).filter(pk=row.pk).exclude(given="")
        there = bool(rows.values_list("pk", flat=True)) and not record.is_about_the_erased(row, names)
        said = record.plain(given) if there else _without_the_erased(record.plain(given), names)
        row.state, row.given = State.QUEUED, record.whole(said) if said else ""
        row.save(update_fields=["state", "given"])
        if said:
            record.name_people(row, names_in(said))
    tell(row)


def _without_the_erased(said: dict[str, Any], names: set[str]) -> dict[str, Any] | None:
    """What is left to others; None where they cannot be told apart, or nobody is left."""
    gone = reach.erased({one for one in names if "@" in one})
    return without(said, gone.__contains__) if gone else None


def tell(row: ActionRun) -> None:
    """Tell a worker. A broker that is away costs seconds, until the next look."""
    try:
        # https://docs.celeryq.dev/en/stable/userguide/calling.html#expiration
        messaging.app().send_task(
            TASK, (str(row.pk),), retry=False, ignore_result=True, expires=GOOD_FOR, headers={"once": f"run {row.pk}"}
        )
    except Exception as problem:
        log.warning("Workers could not be told of a run (%s); the next look finds it.", type(problem).__name__)


def go_on(pk: UUID | str) -> None:
    """Do a run that waits; nothing where somebody has it already, or it is over."""
    # One UPDATE is one winner: https://www.postgresql.org/docs/16/transaction-iso.html#XACT-READ-COMMITTED
    if not ActionRun.objects.filter(pk=pk, state=State.QUEUED).update(state=State.UNDER_WAY):
        return
    row = ActionRun.objects.select_related("connection").annotate(now=Now()).get(pk=pk)
    found = _read(row)
    if isinstance(found, Outcome):
        record.end(row, found, [])
        return
    action, given, gone = found
    spent = (row.now - row.began_at).total_seconds()  # by the database's clock, as it began
    perform(row, action, given, deadline=Deadline(given.timeout_seconds - spent), gone=gone)


def go_on_with_all(is_over: Callable[[], bool]) -> None:
    """Do those that no worker has heard of, the oldest first."""
    waiting = ActionRun.objects.filter(state=State.QUEUED, began_at__lt=Now() - OVERDUE).order_by("began_at")
    for pk in list(waiting.values_list("pk", flat=True)[:100]):
        if is_over():
            return
        go_on(pk)


def _read(row: ActionRun) -> tuple[Action, Inputs, dict[str, list[int]]] | Outcome:
    if not _may_still(row):
        return failure("token_ended", "The token that asked for it has ended, so it was not begun.")
    try:
        if not row.given:
            return failure("forgotten", "Somebody whom it was about was erased meanwhile, so it was not begun.")
        action = catalogue.find(row.action)
        said, gone = gaps(json.loads(row.given))
        return action, checking.checked(action, said), gone
    except (Undecryptable, catalogue.NoSuchAction, checking.BadInput):
        return error("cannot_be_read", CANNOT_BE_READ)


def _may_still(row: ActionRun) -> bool:
    """Whether the token that asked for it is alive, and its maker may do it."""
    if row.token_number is None:
        return True
    token = ApiToken.objects.select_related("created_by").filter(pk=row.token_number).first()
    if token is None or not token.is_alive or not tokens.may_reach(token, row.connection_id):
        return False
    return row.action != "raw_request" or tokens.has_a_maker_with(token, "klaviyo.use_raw_request")
