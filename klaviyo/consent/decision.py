"""May this person be sent a marketing invite or reminder? A pure decision that explains itself.

What Klaviyo's `subscriptions` block means: https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api
Consent (what a person said) and suppression (whether they can be reached) are two axes, and both must allow it.
Unknown is never yes.
"""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from klaviyo.models.policies import Policy


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


def decide(
    known: bool, attributes: dict[str, Any] | None, policy: Policy, *, list_ids: Collection[str] = ()
) -> Decision:
    """Decide about one person from a fresh look-up.

    `known`: whether Klaviyo has a profile; `attributes`: that profile's, asked for with `subscriptions`;
    `list_ids`: the lists that the message is sent for, if any.
    """
    if not known:
        return _silent(policy, "no_profile", "Klaviyo has never seen this person")
    marketing = _marketing(attributes or {})
    if isinstance(marketing, str):
        return Decision(False, "consent_unknown", marketing, policy)
    code, sentence = _objection(marketing, list_ids)
    if code:
        return Decision(False, code, sentence, policy, _evidence(marketing))
    if marketing["consent"] == "SUBSCRIBED":
        return Decision(True, "subscribed", "The person has subscribed.", policy, _evidence(marketing))
    return _silent(policy, "never_subscribed", "The person has never subscribed", _evidence(marketing))


def _silent(policy: Policy, code: str, state: str, evidence: dict[str, Any] | None = None) -> Decision:
    """The two cases that the policy decides: nobody said yes, and nobody said no."""
    if policy is Policy.NOT_OPTED_OUT:
        sentence = f"{state}, nor said no; the store's policy allows the message a friend asked for."
    else:
        sentence = f"{state}; the store's policy asks for a subscription first."
    return Decision(policy is Policy.NOT_OPTED_OUT, code, sentence, policy, evidence or {})


def _marketing(attributes: dict[str, Any]) -> dict[str, Any] | str:
    """The block about e-mail marketing, or a sentence that says what is missing."""
    if "subscriptions" not in attributes:
        return "Klaviyo was not asked for the person's consent."
    subscriptions = attributes["subscriptions"]
    email = subscriptions.get("email") if isinstance(subscriptions, dict) else None
    marketing = email.get("marketing") if isinstance(email, dict) else None
    if not isinstance(marketing, dict):
        return "Klaviyo says nothing about e-mail marketing for this person."
    return marketing


def _objection(marketing: dict[str, Any], list_ids: Collection[str]) -> tuple[str, str]:
    """The first thing that speaks against it, in the order of weight; empty if nothing does."""
    reasons = _reasons(marketing.get("suppression"))
    consent = marketing.get("consent")
    if reasons:
        named = ", ".join(reason.lower().replace("_", " ") for reason in reasons)
        return "suppressed", f"Klaviyo has suppressed this address: {named}."
    if consent == "UNSUBSCRIBED":
        return "unsubscribed", "The person has unsubscribed."
    if marketing.get("can_receive_email_marketing") is not True:
        return "suppressed", "Klaviyo says that this address cannot be reached, and gives no reason."
    left = _lists(marketing.get("list_suppressions"))
    if left is None:
        return "consent_unknown", "Klaviyo says in a form we do not know which lists the person has left."
    if left & set(list_ids):
        return "list_suppressed", "The person has unsubscribed from the store's list."
    if consent not in ("SUBSCRIBED", "NEVER_SUBSCRIBED"):
        return "consent_unknown", "Klaviyo describes the person's consent in a word we do not know."
    return "", ""


def _reasons(suppressions: Any) -> list[str]:
    """Reasons of any kind count, also those we do not know, and also a block we cannot read."""
    if not suppressions:
        return []
    if not isinstance(suppressions, list):
        return ["UNREADABLE"]
    return [str(item.get("reason") or "UNKNOWN") if isinstance(item, dict) else "UNREADABLE" for item in suppressions]


def _lists(suppressions: Any) -> set[str] | None:
    """The lists that the person has left; None where that cannot be read."""
    if not suppressions:
        return set()
    if not isinstance(suppressions, list) or not all(isinstance(item, dict) for item in suppressions):
        return None
    return {str(item.get("list_id")) for item in suppressions}


def _evidence(marketing: dict[str, Any]) -> dict[str, Any]:
    """What Klaviyo said, as it said it: kept with the decision."""
    kept = (
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
    return {name: marketing[name] for name in kept if name in marketing}
