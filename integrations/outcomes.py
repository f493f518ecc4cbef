"""Outcomes: the state that a delivery ends in, with the reason: a code for programs and a sentence for people."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from integrations import errors
from integrations.models import Delivery
from integrations.reasons import Reason, Who, declare


@dataclass(frozen=True)
class Outcome:
    reason: Reason | None = None
    state: ClassVar[Delivery.State]

    @property
    def code(self) -> str:
        return self.reason.code if self.reason else ""

    @property
    def sentence(self) -> str:
        return self.reason.sentence if self.reason else ""


class Accepted(Outcome):
    """The provider took it."""

    state = Delivery.State.ACCEPTED


class Skipped(Outcome):
    """Rightly not sent: consent, a setting, or something newer decided so."""

    state = Delivery.State.SKIPPED


class Failed(Outcome):
    """Will never work as it is."""

    state = Delivery.State.FAILED


class Held(Outcome):
    """Waits for a person."""

    state = Delivery.State.HELD


class Cancelled(Outcome):
    """Taken back before it was sent."""

    state = Delivery.State.CANCELLED


@dataclass(frozen=True)
class Retry(Outcome):
    """To be sent again, after the back-off or `after`: `refund` when this was no attempt, `alone` from now on."""

    after: timedelta | None = None
    refund: bool = False
    alone: bool = False
    state: ClassVar[Delivery.State] = Delivery.State.QUEUED


class CalledOff(Exception):
    """A last check found a reason not to make a request; nothing has left. `outcome` is the delivery's."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


SOON = timedelta(seconds=5)
SUPERSEDED = Skipped(
    declare(
        "superseded",
        "Something newer went instead",
        "Something newer about the same person was sent instead.",
        because="something newer about them went instead",
        means="Two messages about the same thing waited, and the newer one says all there is to say.",
        who=Who.NOBODY,
    )
)
UNKNOWN = declare(
    "outcome_unknown",
    "It may have gone out",
    "The answer did not come, so it may have gone out. It is not repeated by itself.",
    because="the connection broke while it was handed over",
    means="It may have been taken, or not; nobody can know. It is not repeated by itself: an invite twice is worse "
    "than once, and an old opt-in could undo a newer no.",
    who=Who.OPERATOR,
    do="Ask the person whether it came, or look at their profile. Retry only if it did not.",
)


def of(error: errors.IntegrationError) -> Outcome:
    """The outcome that an error leads to."""
    match error:
        case errors.Throttled():
            return Retry(error.reason, after=error.retry_after, refund=True)
        case errors.TemporaryError():
            return Retry(error.reason, after=error.retry_after)
        case errors.ReconnectRequired():
            # Queued, not held: the connection may be back by now, and if it is not, the sweep holds all that waits.
            return Retry(error.reason, after=SOON, refund=True)
        case errors.OperatorRequired():
            return Held(error.reason)
        case _:
            return Failed(error.reason)


def wait_after(error: errors.IntegrationError) -> timedelta:
    """How long those wait that were not tried because of an error: as long as the provider asks for, or a moment."""
    asked_for = error.retry_after if isinstance(error, errors.TemporaryError) else None
    return asked_for or SOON


def words(outcome: Outcome) -> dict[str, str]:
    """The columns that say why."""
    return {"reason_code": outcome.code, "reason": outcome.sentence}
