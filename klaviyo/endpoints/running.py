"""Running of an action over HTTP: at once and for a while, then by a worker; or a list, streamed to its end."""

import json
import time
from collections.abc import Iterator
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.http.response import HttpResponseBase

from integrations import shutdown
from integrations.api import tokens
from integrations.api.answers import Answer
from integrations.api.document import PREFIX
from integrations.api.endpoint import Call
from integrations.api.idempotency import Kept
from integrations.api.outcome import Outcome
from integrations.api.refusals import refused
from integrations.models import ApiToken, Connection
from klaviyo.actions import catalogue, queue, record
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs
from klaviyo.actions.raw import Raw
from klaviyo.actions.record import By
from klaviyo.actions.run import Broken, Page, pages, perform
from klaviyo.actions.turns import HandedOver, Turn
from klaviyo.endpoints import abilities, inputs
from klaviyo.models import ActionRun

TURN = 25.0  # seconds that a caller is kept waiting
LOOKS_EVERY = 0.2  # seconds
NDJSON = "application/x-ndjson"
PROVIDER = "klaviyo"
RAW_PERMISSION = "klaviyo.use_raw_request"
UNDER_WAY = "It is under way: look at Location."


def act(call: Call) -> Answer | HttpResponseBase:
    """Run the action of the path over the connection of the path, with the body as its input."""
    connection = call.connection()
    if connection.provider != PROVIDER:
        raise refused(404, "no_such_connection", "There is no such connection to Klaviyo.")
    action = _action(call.parts["action"])
    call.must_be_allowed(abilities.needed(action), action.name)
    if action.group == abilities.RAW_GROUP:
        tokens.must_have_a_maker_with(call.token, RAW_PERMISSION, action.name)
    given, is_dry = inputs.read(call, action)
    if action.is_listing and not is_dry and NDJSON in call.request.headers.get("Accept", ""):
        return _streamed(pages(action, connection, given, by=_by(call)))

    def work(kept: Kept | None) -> Answer:
        return _run(call, connection, action, given, kept, is_dry=is_dry)

    return call.once(work, of_run=of_run)


def of_run(run: str) -> Answer | None:
    """What became of a run; None while it is under way."""
    row = ActionRun.objects.filter(pk=run).first()
    outcome = record.outcome_of(row) if row else None
    return Answer(outcome) if outcome else None


def under_way(row: ActionRun) -> Answer:
    """That it goes on, and where to look."""
    outcome = Outcome(None, UNDER_WAY, {"run": str(row.pk), "state": row.state})
    return Answer(outcome, 202, {"Location": f"{PREFIX}/runs/{row.pk}"})


def _run(
    call: Call, connection: Connection, action: Action, given: Inputs, kept: Kept | None, *, is_dry: bool
) -> Answer:
    goes_to_a_worker = not is_dry and (call.wants_no_wait or is_long(given))
    row, _ = record.begin(action, connection, given, by=_by(call), is_dry=is_dry, is_queued=goes_to_a_worker)
    if kept:
        kept.is_run(row.pk)
    if call.token.created_by and (action.group == abilities.RAW_GROUP or not action.is_read):
        _note(call.token, call.token.created_by, connection, action, given, row)
    if goes_to_a_worker:
        queue.tell(row)
        return under_way(row) if call.wants_no_wait else _awaited(row, call.began + TURN)
    turn = TURN - (time.monotonic() - call.began)
    try:
        return Answer(perform(row, action, given, deadline=Turn(given.timeout_seconds, turn)))
    except HandedOver:
        queue.put(row, given)
        return under_way(row)


def is_long(given: Inputs) -> bool:
    """Whether it goes on after something that must not be asked twice: a worker has it from its beginning."""
    waits = any(getattr(given, name, False) is True for name in ("wait", "confirm"))
    many = any(len(getattr(given, name, None) or ()) > 1_000 for name in ("profiles", "events", "codes", "emails"))
    return waits or many


def _awaited(row: ActionRun, until: float) -> Answer:
    while time.monotonic() < until and not shutdown.asked():
        row.refresh_from_db()
        if outcome := record.outcome_of(row):
            return Answer(outcome)
        time.sleep(LOOKS_EVERY)
    return under_way(row)


def _action(name: str) -> Action:
    try:
        return catalogue.find(name)
    except catalogue.NoSuchAction as problem:
        raise refused(404, "no_such_action", str(problem)) from None


def _by(call: Call) -> By:
    return By(ActionRun.Origin.HTTP, call.token.created_by, call.token.name[:100], call.token.pk)


def _note(token: ApiToken, maker: User, connection: Connection, action: Action, given: Inputs, row: ActionRun) -> None:
    """In the audit log, as a page would: what was begun, by whose token, and nobody's data."""
    what = f"the action {action.name}"
    if isinstance(given, Raw):
        operation, _, _ = given.meant
        what = f"a raw request: {operation.method} {operation.id}"
    sentence = f"Over HTTP, with the token {token.name}: {what}, {row.pk}."
    rows = Connection.objects.filter(pk=connection.pk)
    LogEntry.objects.log_actions(maker.pk, rows, CHANGE, sentence, single_object=True)


def _streamed(found: Iterator[Page]) -> HttpResponseBase:
    """The first page is asked for with the answer: what fails before it is told in the first line, which is the last.

    https://docs.djangoproject.com/en/5.2/ref/request-response/#streaminghttpresponse-objects
    """
    return StreamingHttpResponse(_lines(found), content_type=NDJSON)


def _lines(found: Iterator[Page]) -> Iterator[bytes]:
    try:
        for page in found:
            yield b"".join(_line(item) for item in page.items)
    except Broken as broken:
        told: dict[str, Any] = {"outcome": broken.outcome.outcome, "after": broken.after, "next": broken.next}
        yield _line(told | {"reason": broken.outcome.reason, "code": broken.outcome.code})


def _line(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"
