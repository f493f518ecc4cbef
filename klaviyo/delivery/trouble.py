"""What may go wrong with one item, and says nothing about the next."""

from integrations import pauses
from integrations.errors import IntegrationError, OperatorRequired, TemporaryError, Throttled
from integrations.outcomes import SOON, Retry

BUSY_HERE = Retry("busy_here", "Something else at our side is writing about it; it goes on in a moment.", SOON, True)


class ItsOwn(IntegrationError):
    """Marks trouble that is one item's, or one store's, own."""


class Frozen(Throttled):
    """Everybody is refused alike: what is in hand waits, like all of its kind."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, retry_after=SOON)
        self.code = pauses.FROZEN


class PersonNotThereYet(TemporaryError, ItsOwn):
    """What Klaviyo has taken shows after a while."""

    def __init__(self) -> None:
        super().__init__("not_there_yet", "Klaviyo does not show the new profile yet.")


class ListTrouble(OperatorRequired, ItsOwn):
    """One store's list; other stores' lists have nothing to do with it."""

    @classmethod
    def gone(cls, name: str) -> "ListTrouble":
        sentence = f"The list “{name}” is no longer in the account. Choose another one in the store's settings."
        return cls("list_gone", sentence)
