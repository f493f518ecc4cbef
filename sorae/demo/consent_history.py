"""Consent history: what each person had agreed to at Klaviyo before the first fact, and every change since.

Said once more here, as simply as it can be: the laws must not borrow the code that they judge.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from klaviyo.models.policies import Policy
from sorae.demo.cast import Known
from sorae.demo.mail_folder import mailbox

LIFTED_BY_A_YES = {"UNSUBSCRIBE", "SPAM_COMPLAINT", "USER_SUPPRESSED"}
SUPPRESSED_AS = {"suppressed": "USER_SUPPRESSED", "spam": "SPAM_COMPLAINT", "bounced": "HARD_BOUNCE"}


@dataclass(frozen=True)
class Said:
    """What Klaviyo holds of one person's will: their word, what keeps mail from them, the lists they have left."""

    consent: str = "NEVER_SUBSCRIBED"
    suppressions: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()

    def after(self, to: str) -> "Said":
        """The same after a change, in the sandbox's words."""
        if to == "subscribed":
            return replace(self, consent="SUBSCRIBED", suppressions=self.suppressions - LIFTED_BY_A_YES)
        if to == "unsubscribed":
            return replace(self, consent="UNSUBSCRIBED", suppressions=self.suppressions | {"UNSUBSCRIBE"})
        return replace(self, suppressions=self.suppressions | {SUPPRESSED_AS[to]})

    def allows(self, policy: Policy, lists: Iterable[str]) -> bool:
        """Whether a message may go to them. Who has said nothing is the policy's to decide; nobody else is."""
        if self.suppressions or self.left & set(lists):
            return False
        return {"SUBSCRIBED": True, "NEVER_SUBSCRIBED": policy == Policy.NOT_OPTED_OUT}.get(self.consent, False)


@dataclass(frozen=True)
class Change:
    """Somebody's word changed at Klaviyo. `sent_before`: the ids of what had reached them when it could be known.

    That is when Klaviyo had told us, and what was on the wire at that moment had arrived.
    """

    account: str
    email: str
    to: str
    sent_before: frozenset[str]


@dataclass(frozen=True)
class Register:
    """Everybody, by account and mailbox: what they had said before the first fact, and the changes in their order."""

    before: dict[tuple[str, str], Said]
    changes: Sequence[Change] = ()
    _of: dict[tuple[str, str], list[Change]] = field(default_factory=dict)

    @classmethod
    def of(cls, people: Sequence[Known], changes: Sequence[Change]) -> "Register":
        before = {(person["account"], mailbox(person["email"])): _said(person) for person in people}
        register = cls(before, changes)
        for change in changes:
            register._of.setdefault((change.account, change.email), []).append(change)
        return register

    def knew(self, account: str, email: str) -> bool:
        return (account, email) in self.before

    def when_sent(self, account: str, email: str, sent_id: str) -> Said:
        """What they had said when that was sent to them."""
        said = self.before.get((account, email), Said())
        for change in self._of.get((account, email), ()):
            if sent_id not in change.sent_before:
                said = said.after(change.to)
        return said

    def ever(self, account: str, email: str) -> list[Said]:
        """All that they have ever said, the latest last."""
        said = [self.before.get((account, email), Said())]
        for change in self._of.get((account, email), ()):
            said.append(said[-1].after(change.to))
        return said

    def has_withdrawn(self, account: str, email: str) -> bool:
        return any(change.to != "subscribed" for change in self._of.get((account, email), ()))


def _said(person: Known) -> Said:
    return Said(
        person.get("consent", "NEVER_SUBSCRIBED"),
        frozenset(person.get("suppressions", ())),
        frozenset(person.get("list_suppressions", ())),
    )
