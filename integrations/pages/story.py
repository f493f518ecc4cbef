"""The story of one delivery in words: its content, its outcome and when, and the decisions about it."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from integrations import providers, reasons
from integrations.models import Attempt, Delivery
from integrations.pauses import by_hand

State = Delivery.State
LEVELS = {
    State.QUEUED: "info",
    State.SENDING: "info",
    State.ACCEPTED: "good",
    State.CONFIRMED: "good",
    State.SKIPPED: "",
    State.HELD: "warn",
    State.FAILED: "bad",
    State.CANCELLED: "",
}
STATES = {state: str(state.label) for state in State}  # one word for each, on every page
ENDS = {
    State.ACCEPTED: "Accepted",
    State.CONFIRMED: "Confirmed: seen in the account",
    State.SKIPPED: STATES[State.SKIPPED],
    State.FAILED: STATES[State.FAILED],
    State.CANCELLED: STATES[State.CANCELLED],
}


@dataclass(frozen=True)
class Moment:
    """A point of the timeline; `attempt` where a request was made."""

    at: datetime | None
    title: str
    sentence: str = ""
    level: str = ""
    attempt: Attempt | None = None


@dataclass(frozen=True)
class Decision:
    """The consent decision on record: the verdict, and the provider's own words as name and value."""

    is_allowed: bool
    sentence: str
    policy: str
    words: tuple[tuple[str, str], ...]


def what(delivery: Delivery) -> str:
    """The content in a word: the metric's name for an event, else the kind."""
    return words(str(delivery.options.get("metric") or delivery.kind))


def words(code: str) -> str:
    """A code as a person would write it: `invite_received` → Invite received."""
    return code.replace("_", " ").replace(".", " ").strip().capitalize()


def level(delivery: Delivery) -> str:
    return LEVELS[State(delivery.state)]


def state(delivery: Delivery) -> str:
    """The state in the word that all pages have for it."""
    return STATES[State(delivery.state)]


def of(delivery: Delivery, attempts: Iterable[Attempt]) -> list[Moment]:
    """The timeline, from what happened in the world to what comes next."""
    return [*_beginning(delivery), *map(_tried, attempts), *_end(delivery)]


def decision(evidence: Any) -> Decision | None:
    """The consent decision on the record, if there is one to read."""
    if not isinstance(evidence, dict) or "allowed" not in evidence:
        return None
    said = evidence.get("evidence")
    pairs = said.items() if isinstance(said, dict) else ()
    return Decision(
        is_allowed=evidence["allowed"] is True,
        sentence=str(evidence.get("sentence", "")),
        policy=words(str(evidence.get("policy", ""))),
        words=tuple((words(name), _plain(value)) for name, value in pairs),
    )


def pretty(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=False)


def _beginning(delivery: Delivery) -> Iterator[Moment]:
    yield Moment(delivery.occurred_at, "Event occurred")
    yield Moment(delivery.created_at, "Queued", f"For {delivery.connection.account_name}.")


def _tried(attempt: Attempt) -> Moment:
    title = f"Request: {words(attempt.operation)}"
    if attempt.finished_at is None:
        sentence = "The outcome is unknown: nothing came back before the work broke off. It is safe to repeat."
        return Moment(attempt.started_at, title, sentence, "warn", attempt)
    if attempt.status is None:
        return Moment(attempt.started_at, title, f"No answer: {reasons.title(attempt.code).lower()}.", "bad", attempt)
    if attempt.status >= 400:
        name = providers.get(attempt.connection.provider).name
        return Moment(attempt.started_at, title, f"{name} error {attempt.status}", "bad", attempt)
    return Moment(attempt.started_at, title, "", "good", attempt)


def _end(delivery: Delivery) -> Iterator[Moment]:
    now = State(delivery.state)
    if now == State.CONFIRMED and delivery.confirmed_at:
        yield Moment(delivery.settled_at, ENDS[State.ACCEPTED], level="good")
        yield Moment(delivery.confirmed_at, ENDS[now], delivery.reason, "good")
    elif now in ENDS:
        yield Moment(delivery.settled_at, ENDS[now], delivery.reason, LEVELS[now])
    elif now == State.HELD:
        yield Moment(None, "Held until somebody acts", delivery.reason, "warn")
    elif now == State.SENDING:
        yield Moment(None, "The provider works on it" if delivery.job_id else "A worker is on it", level="info")
    elif pause := by_hand.keeping(delivery):
        yield Moment(
            pause.began_at, "The account is paused", f"{pause.sentence} It waits until somebody resumes it.", "warn"
        )
    else:
        is_due = delivery.next_try_at <= timezone.now()
        yield Moment(delivery.next_try_at, "Due now" if is_due else "Next try", delivery.reason, "info")
    if now in (State.QUEUED, State.HELD) and delivery.not_after:
        yield Moment(delivery.not_after, "Expires", "It is cancelled then.")


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value in (None, "", [], {}):
        return "none"
    if isinstance(value, list):
        return "; ".join(map(_plain, value))
    if isinstance(value, dict):
        return ", ".join(map(_plain, value.values()))
    return str(value)
