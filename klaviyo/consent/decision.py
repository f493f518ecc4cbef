"""May this person be sent a marketing invite or reminder? A pure decision that explains itself.

Consent (what a person said) and suppression (whether they can be reached) are two axes, and both must allow it.
Unknown is never yes.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from klaviyo.api.consent import Marketing, Subscriptions
from klaviyo.models.policies import Policy

KEPT = (  # with the decision, as Klaviyo said it
    "consent",
    "can_receive_email_marketing",
    "consent_timestamp",
    "last_updated",
    "method",
    "method_detail",
    "custom_method_detail",
    "double_optin",
    "suppression",
    "list_suppressions",
)


@dataclass(frozen=True)
class Decision:
    """Allowed or not, why, and what Klaviyo said. `asked_at` is when it said so; None where it was not asked."""

    allowed: bool
    code: str
    sentence: str
    policy: Policy
    evidence: dict[str, Any] = field(default_factory=dict)
    asked_at: datetime | None = None

    def as_record(self) -> dict[str, Any]:
        return asdict(self) | {"asked_at": self.asked_at.isoformat() if self.asked_at else None}


def decide(told: Subscriptions | None, policy: Policy, *, list_ids: Collection[str] = ()) -> Decision:
    """Decide about one person from a fresh look-up.

    `told`: what Klaviyo holds of their consent, None where it has no profile of them; `list_ids`: the lists that the
    message is sent for, if any.
    """
    if told is None:
        return _silent(policy, "no_profile", "Klaviyo has never seen this person")
    if not told.was_asked:
        return Decision(False, "consent_unknown", "Klaviyo was not asked for the person's consent.", policy)
    if told.email is None:
        sentence = "Klaviyo says nothing about e-mail marketing for this person."
        return Decision(False, "consent_unknown", sentence, policy)
    evidence = {name: told.email.said[name] for name in KEPT if name in told.email.said}
    code, sentence = _objection(told.email, list_ids)
    if code:
        return Decision(False, code, sentence, policy, evidence)
    if told.email.consent == "SUBSCRIBED":
        return Decision(True, "subscribed", "The person has subscribed.", policy, evidence)
    return _silent(policy, "never_subscribed", "The person has never subscribed", evidence)


def _silent(policy: Policy, code: str, state: str, evidence: dict[str, Any] | None = None) -> Decision:
    """The two cases that the policy decides: nobody said yes, and nobody said no."""
    if policy is Policy.NOT_OPTED_OUT:
        sentence = f"{state}, nor said no; the store's policy allows the message a friend asked for."
    else:
        sentence = f"{state}; the store's policy asks for a subscription first."
    return Decision(policy is Policy.NOT_OPTED_OUT, code, sentence, policy, evidence or {})


def _objection(marketing: Marketing, list_ids: Collection[str]) -> tuple[str, str]:
    """The first thing that speaks against it, in the order of weight; empty if nothing does."""
    if marketing.suppressions:
        named = ", ".join(one.reason.lower().replace("_", " ") for one in marketing.suppressions)
        return "suppressed", f"Klaviyo has suppressed this address: {named}."
    if marketing.consent == "UNSUBSCRIBED":
        return "unsubscribed", "The person has unsubscribed."
    if not marketing.is_reachable:
        return "suppressed", "Klaviyo says that this address cannot be reached, and gives no reason."
    if not marketing.lists_are_readable:
        return "consent_unknown", "Klaviyo says in a form we do not know which lists the person has left."
    if any(one.list_id in list_ids for one in marketing.list_suppressions):
        return "list_suppressed", "The person has unsubscribed from the store's list."
    if marketing.consent not in ("SUBSCRIBED", "NEVER_SUBSCRIBED"):
        return "consent_unknown", "Klaviyo describes the person's consent in a word we do not know."
    return "", ""
