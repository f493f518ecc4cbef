"""People of a history: what they have truly said, in its true order."""

from dataclasses import dataclass, field
from datetime import datetime

from referrals.models import OptOut


@dataclass
class Word:
    """What a person truly said to a store; `order` is when, among all that happened."""

    order: float
    is_yes: bool
    scope: str = ""
    is_proved: bool = True
    is_confirmed: bool = False


@dataclass
class NoThere:
    """What a person has refused an account at Klaviyo itself; a complaint only their mailbox takes back.

    `is_heard`: the account has told us of it since.
    """

    order: float
    is_complaint: bool
    at: datetime | None = None
    is_heard: bool = False


@dataclass
class Person:
    """One person's true history. `erased_at` is the order of their last erasure, `came_back_at` of a later fact."""

    email: str
    words: dict[int, list[Word]] = field(default_factory=dict)
    noes_there: dict[str, NoThere] = field(default_factory=dict)  # by account
    complained: set[int] = field(default_factory=set)
    erased_at: float = 0.0
    came_back_at: float = 0.0
    is_unsure: bool = False  # a restore has lost something of what they said
    is_being_written_of: bool = False  # something of before came after their erasure, which is to be repeated

    @property
    def is_erased(self) -> bool:
        return self.erased_at > self.came_back_at

    def last_proved(self, store_id: int) -> Word | None:
        """What counts at the store: the last no, unless a yes that is proved came after it."""
        said = [word for word in self.words.get(store_id, []) if not word.is_yes or word.is_proved]
        return max(said, key=lambda word: word.order, default=None)

    def has_said_no(self, store_id: int) -> bool:
        last = self.last_proved(store_id)
        return last is not None and not last.is_yes and last.scope == OptOut.Scope.EVERYTHING

    def noes_that_stand(self, store_id: int) -> set[str]:
        """What they have refused the store, each scope, since their last proved yes; no erasure ends that."""
        said = self.words.get(store_id, [])
        yeses = [word.order for word in said if word.is_yes and word.is_proved]
        since = max(yeses, default=0.0)
        return {word.scope for word in said if not word.is_yes and word.order > since}

    @property
    def has_said_no_to_a_store(self) -> bool:
        """Whether they ever have: then their accounts are told of it, and tell it back."""
        return any(not word.is_yes for said in self.words.values() for word in said)

    def has_said_no_there(self, account: str) -> bool:
        """Whether they have refused the account at Klaviyo, and said no yes since that may undo it."""
        no = self.noes_there.get(account)
        yeses = [word for said in self.words.values() for word in said if word.is_yes]
        return no is not None and not any(
            yes.order > no.order and (yes.is_confirmed if no.is_complaint else yes.is_proved) for yes in yeses
        )
