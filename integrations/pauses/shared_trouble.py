"""Trouble that concerns one item or one store, told apart from trouble that all of a kind share."""

from integrations.errors import IntegrationError, Throttled
from integrations.outcomes import SOON, Retry
from integrations.pauses.resting import FROZEN

BUSY_HERE = Retry("busy_here", "Something else at our side is writing about it; it goes on in a moment.", SOON, True)


class ItsOwn(IntegrationError):
    """Marks trouble that is one item's, or one store's, own."""


class Frozen(Throttled):
    """Everybody is refused alike: what is in hand waits, like all of its kind."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, retry_after=SOON)
        self.code = FROZEN
