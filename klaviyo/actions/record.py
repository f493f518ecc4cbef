"""Record of a run: written before the first request, with its input; and how it ended, with its answer.

What is sealed is forgotten in time, and at once when a person in it is erased; by their keys alone they are found.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.db.models import Exists, Q, QuerySet, UUIDField
from django.utils import timezone

from integrations import prepared
from integrations.api.outcome import Outcome, Problem
from integrations.encryption import Undecryptable
from integrations.models import Connection
from integrations.prepared import Given
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs
from klaviyo.api import values
from klaviyo.api.named import names_in, reworded
from klaviyo.consent import reach
from klaviyo.models import ActionPerson, ActionRun
from referrals import person_key

LARGEST_KEPT = 512 * 1024  # characters
TOO_LARGE = {"left_out": "It is too large to be kept."}
HOW_IT_ENDED = (
    "state",
    "outcome",
    "reason",
    "codes",
    "request_ids",
    "attempts",
    "took_ms",
    "is_known",
    "ended_at",
    "answered",
    "exchanged",
)


def _unforgotten() -> "QuerySet[ActionRun]":
    return ActionRun.objects.filter(pk=Given("pk", UUIDField())).exclude(given="")


_ENDED = prepared.Changing(_unforgotten, HOW_IT_ENDED)


@dataclass(frozen=True)
class By:
    """Who runs it, and whence: a user at a page or the command line, a token over HTTP, or code."""

    origin: str = ActionRun.Origin.PYTHON
    user: User | None = None
    token: str = ""
    token_number: int | None = None


class KeyInUse(Exception):
    """The idempotency key belongs to another input."""


def begin(
    action: Action,
    connection: Connection,
    given: Inputs,
    *,
    by: By,
    key: str = "",
    is_dry: bool = False,
    is_queued: bool = False,
) -> tuple[ActionRun, bool]:
    """A new run, and True; or the one that has the key already, and False. Raises KeyInUse.

    One that is queued keeps its input whole, until it has ended.
    """
    said = plain(given)
    asked = digest(action.name, said)
    row = ActionRun(
        connection=connection,
        action=action.name,
        origin=by.origin,
        user=by.user if by.user and by.user.pk else None,
        token=by.token,
        token_number=by.token_number,
        key=key,
        asked=asked,
        is_dry=is_dry,
        state=ActionRun.State.QUEUED if is_queued else ActionRun.State.UNDER_WAY,
    )
    row.given = whole(said) if is_queued else kept(said)
    row.named, names = set(), names_in(said)
    row.asked_about = None if is_queued else names  # which a worker reads anew, as others may be left in it
    try:
        with transaction.atomic() if database.in_atomic_block else nullcontext():
            prepared.insert(row, *_new_people(row, names))
    except IntegrityError:
        there = ActionRun.objects.filter(connection=connection, origin=by.origin, key=key).first()
        if not key or there is None:
            raise
        if there.asked != asked:
            raise KeyInUse from None
        return there, False
    return row, True


def learn(row: ActionRun, names: Iterable[str]) -> None:
    """Whom a run that is under way is about, as it has just learnt: so that an erasure finds it."""
    with transaction.atomic():
        rows = ActionRun.objects.select_for_update(of=("self",)).filter(pk=row.pk).exclude(given="")
        if rows.values_list("pk", flat=True):
            name_people(row, names)


def end(row: ActionRun, outcome: Outcome, exchanged: list[Any], learnt: Iterable[str] = ()) -> None:
    """How it ended, on record; the people of its answer are known from then on. Nothing is kept of who was erased.

    `learnt`: addresses of people whom it knew by something else.
    """
    row.state = ActionRun.State.DONE
    row.outcome, row.reason = outcome.outcome or "", outcome.reason
    row.codes = [problem.code for problem in (*outcome.errors, *outcome.warnings)][:50]
    row.request_ids, row.attempts = list(outcome.request_ids)[:500], outcome.attempts
    row.took_ms, row.is_known, row.ended_at = outcome.took_ms, outcome.is_known, timezone.now()
    answered, requests = kept(outcome.document()), kept(exchanged)
    people = names_in([outcome.document(), exchanged]) | set(learnt)
    row.answered, row.exchanged = answered, requests
    if _is_ended_at_once(row, people):
        return
    with transaction.atomic():
        # An erasure that has gone before us shows once the row is ours; one that comes after us waits for it.
        is_kept = _ENDED.save(row) and not is_about_the_erased(row, people)
        if not is_kept:
            forget(row)
            row.save()
            return
        if len(row.given) > LARGEST_KEPT:
            row.given = json.dumps(TOO_LARGE)
            row.save(update_fields=["given"])
        name_people(row, people)


def add(row: ActionRun, name: str, value: Any, names: Iterable[str]) -> None:
    """Something more beside the answer of a run that has ended, and whom it names; nothing of who was erased."""
    people = set(names)
    with transaction.atomic():
        ended = ActionRun.objects.select_for_update(of=("self",)).filter(pk=row.pk, state=ActionRun.State.DONE)
        stored = ended.exclude(given="").first()
        if stored is None or is_about_the_erased(stored, people):
            return
        stored.answered = kept(json.loads(stored.answered or "{}") | {name: value})
        stored.save(update_fields=["answered"])
        name_people(stored, people)


def _is_ended_at_once(row: ActionRun, people: set[str]) -> bool:
    """Written down in one statement, if nobody in it was ever erased; else False, and that is looked at more closely.

    An erasure that is on its way has the row, if it knows of it: then the statement waits, and finds no input any more.
    https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
    """
    emails = {one for one in people | (row.asked_about or set()) if "@" in one}
    if row.asked_about is None or len(emails) > reach.FEW:
        return False
    known = row.named
    keys = reach.keys_given({key for email in emails for key in person_key.every(email)}, len(emails))
    is_ended = _ended_if_nobody_was_erased(len(emails)).save_with(row, _new_people(row, people), **keys)
    if not is_ended:
        row.named = known
    return is_ended


@cache
def _ended_if_nobody_was_erased(number: int) -> prepared.Changing:
    def rows() -> "QuerySet[ActionRun]":
        return _unforgotten().exclude(Exists(reach.erasures_given(number)) if number else Q(pk__in=()))

    return prepared.Changing(rows, HOW_IT_ENDED)


def outcome_of(row: ActionRun) -> Outcome | None:
    """The stored outcome; None while it is under way. What was forgotten has its codes alone."""
    if row.state in (ActionRun.State.QUEUED, ActionRun.State.UNDER_WAY):
        return None
    try:
        told: dict[str, Any] = json.loads(row.answered) if row.answered else {}
    except Undecryptable:
        told = {}
    return Outcome(
        row.outcome or "error",  # type: ignore[arg-type]
        row.reason,
        told.get("data"),
        _problems(told.get("errors")) or tuple(Problem(code, "") for code in row.codes),
        _problems(told.get("warnings")),
        row.request_ids,
        row.attempts,
        row.took_ms,
        row.is_known,
    )


def plain(given: Inputs) -> dict[str, Any]:
    """What was given, as JSON, under the names of the fields."""
    return given.model_dump(mode="json", exclude_unset=True, by_alias=True)


def digest(name: str, said: Mapping[str, Any]) -> str:
    text = json.dumps([name, said], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def whole(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), default=str)


def kept(value: Any) -> str:
    """As text that is small enough to keep."""
    text = whole(value)
    return text if len(text) <= LARGEST_KEPT else json.dumps(TOO_LARGE)


def name_people(row: ActionRun, names: Iterable[str]) -> None:
    """That the run is about them, by their keys alone."""
    if row.named is None:
        row.named = set(ActionPerson.objects.filter(run=row).values_list("person", flat=True))
    if rows := _new_people(row, names):
        prepared.insert(*rows)


def _new_people(row: ActionRun, names: Iterable[str]) -> list[ActionPerson]:
    known = row.named or set()
    keys = {person_key.of(values.address(name)) for name in names} - known
    row.named = known | keys
    return [ActionPerson(run=row, person=key) for key in sorted(keys)]


def is_about_the_erased(row: ActionRun, people: set[str]) -> bool:
    """Also true of an input that nobody can read any more: it may name them."""
    try:
        asked = names_in(json.loads(row.given)) if row.asked_about is None else row.asked_about
        return bool(reach.erased({one for one in people | asked if "@" in one}))
    except Undecryptable:
        return True


def forget(row: ActionRun) -> None:
    """Nothing that says of anybody stays of it."""
    row.given = row.answered = row.exchanged = ""
    row.reason = reworded(row.outcome, row.codes, row.reason)
    ActionPerson.objects.filter(run=row).delete()
    row.named = None


def _problems(columns: Any) -> tuple[Problem, ...]:
    if not isinstance(columns, dict) or not columns.get("code"):
        return ()
    rows = zip(*(columns[name] for name in ("code", "detail", "title", "pointer", "id", "meta")), strict=True)
    return tuple(Problem(*row) for row in rows)
