"""Trouble that concerns one item or one store, told apart from trouble that all of a kind share."""

from integrations.errors import IntegrationError, TemporaryError, Throttled
from integrations.outcomes import SOON, Retry
from integrations.pauses.resting import REFUSED_ALIKE
from integrations.reasons import Who, declare

BUSY_HERE = Retry(
    declare(
        "busy_here",
        "Busy here",
        "Something else at our side is writing about it; it goes on in a moment.",
        because="something else at our side is writing about it",
        means="Two things about the same person came together, and one waits for the other.",
        who=Who.ITSELF,
        do="Nothing, unless it lasts for hours.",
    ),
    SOON,
    refund=True,
)


class ItsOwn(IntegrationError):
    """Marks trouble that is one item's, or one store's, own."""


class Frozen(Throttled):
    """Everybody is refused alike: what is in hand waits, like all of its kind."""

    def __init__(self, sentence: str) -> None:
        TemporaryError.__init__(self, REFUSED_ALIKE.saying(sentence), retry_after=SOON)
