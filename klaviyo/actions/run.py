"""Run of an action: its input checked, on record before the first request, within its time, with one outcome."""

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

from integrations.api.outcome import SUCCESS, Outcome, error, failure
from integrations.errors import IntegrationError, OutOfTime, Throttled, without_message
from integrations.models import Connection
from integrations.wire.attempts import INTERNAL_ERROR
from integrations.wire.deadline import Deadline
from klaviyo.actions import catalogue, checking, outcomes, reading, record, turns
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs, Listing
from klaviyo.actions.reading import Listed
from klaviyo.actions.record import By, KeyInUse
from klaviyo.actions.retries import Patience
from klaviyo.actions.task import Refused, Task
from klaviyo.actions.turns import HandedOver
from klaviyo.api import published
from klaviyo.models import ActionRun

log = logging.getLogger(__name__)

KEY_IN_USE = "key_in_use"
UNDER_WAY = "A run with this key is under way. Ask again when it has ended."
INTERRUPTED = "It was interrupted. Look at what is there before you run it again."
MOST_ITEMS = 1_000_000
AS_BACKLOG = 1_000  # of a list; whoever wants more makes way for what has just happened


@dataclass(frozen=True)
class How:
    """How it is run, beside its fields, whose names are Klaviyo's.

    `by` is on record. With a `key`, the same input is run once: a second time it is the stored outcome. `dry`: the
    requests as they would go, and nothing is sent.
    """

    by: By = field(default_factory=By)
    key: str = ""
    dry: bool = False


def run(name: str, connection: Connection, how: How | None = None, /, **values: Any) -> Outcome:
    """Run an action over a connection: `run("get_profiles", connection, email="ann@shop.example")`.

    Raises BadInput for what cannot be used, and NoSuchAction; all else is in the outcome.
    """
    action, how = catalogue.find(name), how or How()
    return of(action, connection, checking.checked(action, values), by=how.by, key=how.key, dry=how.dry)


def of(action: Action, connection: Connection, given: Inputs, *, by: By, key: str = "", dry: bool = False) -> Outcome:
    """As `run`, of an action with its input checked."""
    try:
        row, is_new = record.begin(action, connection, given, by=by, key=key, is_dry=dry)
    except KeyInUse:
        return failure(KEY_IN_USE, "This key was used for another input. Take a new one.")
    if not is_new:
        return record.outcome_of(row) or failure("under_way", UNDER_WAY, data={"run": str(row.pk)})
    return perform(row, action, given)


def perform(
    row: ActionRun,
    action: Action,
    given: Inputs,
    *,
    deadline: Deadline | None = None,
    gone: Mapping[str, list[int]] | None = None,
) -> Outcome:
    """Do what a run is for, and put on record how it ended. It is done once: nothing begins a run anew.

    `gone`: places of the input where somebody stood who was erased while it waited. Raises HandedOver where its turn
    has passed before anything was asked that must not be asked again.
    """
    began = time.monotonic()
    work = _Work.of(row, action, given, deadline)
    work.task.guard.leave_out(work.task, gone or {})
    try:
        outcome = work.done()
    except HandedOver:
        raise
    except BaseException:  # of a program that ends at once
        work.end(error("interrupted", INTERRUPTED, is_known=not work.task.requests))
        raise
    outcome = replace(outcome, took_ms=round((time.monotonic() - began) * 1000))
    work.end(outcome)
    return outcome


@dataclass(frozen=True)
class Page:
    """Some items of a list, and where it goes on; None at its end."""

    items: list[Any]
    next: str | None


class Broken(Exception):
    """A list broke off: why (`outcome`), after how many items, and where it goes on (`next`, a cursor)."""

    def __init__(self, outcome: Outcome, after: int, next: str | None) -> None:
        super().__init__(outcome.reason)
        self.outcome, self.after, self.next = outcome, after, next


def stream(name: str, connection: Connection, how: How | None = None, /, **values: Any) -> Iterator[Page]:
    """The pages of a list, one after the other; memory holds one. Raises BadInput, NoSuchAction, Broken."""
    action = catalogue.find(name)
    given = checking.checked(action, values)
    return pages(action, connection, given, by=(how or How()).by)


def pages(action: Action, connection: Connection, given: Inputs, *, by: By) -> Iterator[Page]:
    """As `stream`, of an action with its input checked. On record is how many there were, not what they say."""
    row, _ = record.begin(action, connection, given, by=by)
    work = _Work.of(row, action, given)
    began, count = time.monotonic(), 0
    place = given.start if isinstance(given, Listing) else None
    outcome = error("stopped", "Its reader went away.")
    try:
        for page in work.pages():
            yield page
            count, place = count + len(page.items), page.next
        outcome = work.told(Outcome(SUCCESS, data={"count": count}))
    except (Refused, IntegrationError) as problem:
        outcome = work.told(work.outcome_of(problem))
        raise Broken(outcome, count, place) from None
    finally:
        took = round((time.monotonic() - began) * 1000)
        record.end(row, replace(outcome, took_ms=took), [], work.task.guard.learnt)


@dataclass
class _Work:
    row: ActionRun
    action: Action
    given: Inputs
    task: Task
    collected: dict[str, Any] | None = None  # of a list, as far as it came

    @classmethod
    def of(cls, row: ActionRun, action: Action, given: Inputs, deadline: Deadline | None = None) -> "_Work":
        patience = Patience(
            given.max_retries,
            timedelta(milliseconds=given.retry_delay_ms),
            given.exponential_backoff,
            given.retry_on_all_errors,
        )
        wants_many = isinstance(given, Listing) and (given.all or given.limit > AS_BACKLOG)
        ends = deadline or Deadline(given.timeout_seconds)
        task = Task.over(row.connection, patience, ends, is_backlog=wants_many, run=row.pk, dry=row.is_dry)
        task.learn = partial(record.learn, row)
        return cls(row, action, given, task)

    def end(self, outcome: Outcome) -> None:
        """Put on record how it ended."""
        record.end(self.row, outcome, self.task.exchanges.kept, self.task.guard.learnt)

    def done(self) -> Outcome:
        try:
            self.task.must_be_allowed(self.action.operations)
            told = self.action.do(self.task, self._guarded())
            data = self._all_items() if isinstance(told, Listed) else told
            outcome = self.task.dry_outcome() if self.row.is_dry else Outcome(SUCCESS, data=data)
        except (Refused, IntegrationError) as problem:
            if isinstance(problem, OutOfTime | Throttled) and turns.has_passed(self.task.deadline):
                raise HandedOver from None
            outcome = self.outcome_of(problem)
            outcome = replace(outcome, data=self.collected) if outcome.data is None else outcome
        except Exception as problem:
            log.exception("An action broke: %s", without_message(problem))
            outcome = error(INTERNAL_ERROR.code, "Something went wrong at our side. It is in the site's log.")
        return self.told(outcome)

    def _guarded(self) -> Inputs:
        """The input, without people whom nothing may reach; raw requests are looked at one by one."""
        is_asked = self.action.reaches and self.action.operations
        return self.task.guard.first(self.task, self.given) if is_asked else self.given

    def pages(self) -> Iterator[Page]:
        """The pages of a list, with as many items as are wanted."""
        self.task.must_be_allowed(self.action.operations)
        listed = self.action.do(self.task, self.given)
        given = cast("Listing", self.given)
        left = float("inf") if given.all else given.limit
        size = published.find(listed.operation).page
        queries = [reading.sized(query, size, int(min(left, MOST_ITEMS))) for query in (listed.query, *listed.then)]
        first, cursor = _place(given.start, len(queries))
        if cursor:
            queries[first]["page[cursor]"] = cursor
        for number, query in enumerate(queries[first:], first):
            for items, next in self.task.pages(listed.operation, listed.path, query):
                wanted = items if len(items) <= left else items[: int(left)]
                left -= len(wanted)
                yield Page(wanted, _named(number, next, len(queries)))
                if left <= 0:
                    return

    def outcome_of(self, problem: Refused | IntegrationError) -> Outcome:
        if isinstance(problem, Refused):
            return outcomes.of_refusal(problem)
        return outcomes.of_error(problem)

    def told(self, outcome: Outcome) -> Outcome:
        """With what there is to say besides."""
        is_known = self.task.is_known or outcome.outcome != "error"
        return replace(
            outcome,
            warnings=tuple(self.task.warnings),
            request_ids=tuple(self.task.request_ids),
            attempts=self.task.requests,
            is_known=is_known,
        )

    def _all_items(self) -> dict[str, Any]:
        items: list[Any] = []
        found: dict[str, Any] = {"items": items, "count": 0, "next": None}
        for page in self.pages():
            items.extend(page.items)
            self.collected = found = {"items": items, "count": len(items), "next": page.next}
        return found


def _place(start: str | None, queries: int) -> tuple[int, str]:
    """Which query a list goes on with, and from which cursor: several are told apart by a number before it."""
    if not start or queries == 1:
        return 0, start or ""
    number, _, cursor = start.partition("|")
    return (min(int(number), queries - 1), cursor) if number.isdecimal() and number.isascii() else (0, start)


def _named(number: int, next: str | None, queries: int) -> str | None:
    if queries == 1:
        return next
    if next is None:
        return f"{number + 1}|" if number + 1 < queries else None
    return f"{number}|{next}"
