"""Errors of one item, which say nothing about the next."""

from integrations.errors import ItsOwn, OperatorRequired, TemporaryError
from integrations.reasons import Who, declare

NOT_THERE_YET = declare(
    "not_there_yet",
    "Not shown yet",
    "Klaviyo does not show the new profile yet.",
    because="Klaviyo does not show the new profile yet",
    means="Klaviyo takes a while to show what it has taken.",
    who=Who.ITSELF,
)
CONFLICT = declare(
    "profile_conflict",
    "Profile being merged",
    "Klaviyo names another profile as the person's, and that one is gone: a merge is under way.",
    because="Klaviyo is merging their profiles",
    means="Two profiles of one person become one, which takes Klaviyo a while. It is tried again then.",
    who=Who.ITSELF,
)
LIST_GONE = declare(
    "list_gone",
    "List gone",
    "The list “{name}” is no longer in the account. Choose another one in the store's settings.",
    because="the store's list is no longer in the account",
    means="Somebody deleted the list in Klaviyo. What needs it is held, and nothing is lost.",
    who=Who.MERCHANT,
    do="Choose another list in the store's settings; what is held goes out then.",
)


class PersonNotThereYet(TemporaryError, ItsOwn):
    """A new profile shows at Klaviyo after a while; how long that takes is not published."""

    def __init__(self) -> None:
        super().__init__(NOT_THERE_YET)


class ProfileConflict(TemporaryError, ItsOwn):
    """Klaviyo says that the person is another profile, which it does not know (any more): a merge is under way."""

    def __init__(self) -> None:
        super().__init__(CONFLICT)


class ListTrouble(OperatorRequired, ItsOwn):
    """One store's list; other stores' lists have nothing to do with it."""

    @classmethod
    def gone(cls, name: str) -> "ListTrouble":
        return cls(LIST_GONE.about(name=name))
