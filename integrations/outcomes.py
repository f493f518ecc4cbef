"""What became of a delivery: each outcome carries a code for programs and a sentence for people."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

from integrations import errors
from integrations.models import Delivery


@dataclass(frozen=True)
class Outcome:
    code: str = ""
    sentence: str = ""
    state: ClassVar[Delivery.State]


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
    """The same again: after the back-off, or `after`; `refund` when this was no attempt at all."""

    after: timedelta | None = None
    refund: bool = False
    state: ClassVar[Delivery.State] = Delivery.State.QUEUED


class CalledOff(Exception):
    """A last look found a reason not to make a request; nothing has left. `outcome` is what becomes of it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


SOON = timedelta(seconds=5)
SUPERSEDED = Skipped("superseded", "Something newer about the same person was sent instead.")


def of(error: errors.IntegrationError) -> Outcome:
    """The outcome that an error leads to."""
    match error:
        case errors.Throttled():
            return Retry(error.code, error.sentence, after=error.retry_after, refund=True)
        case errors.TemporaryError():
            return Retry(error.code, error.sentence, after=error.retry_after)
        case errors.ReconnectRequired():
            # Queued, not held: the connection may be back by now, and if it is not, the sweep holds all that waits.
            return Retry(error.code, error.sentence, after=SOON, refund=True)
        case errors.OperatorRequired():
            return Held(error.code, error.sentence)
        case _:
            return Failed(error.code, error.sentence)


def words(outcome: Outcome) -> dict[str, str]:
    """The columns that say why."""
    return {"reason_code": outcome.code, "reason": outcome.sentence}
