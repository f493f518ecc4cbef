"""What may go wrong with one item, and says nothing about the next."""

from integrations.errors import ItsOwn, OperatorRequired, TemporaryError


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
