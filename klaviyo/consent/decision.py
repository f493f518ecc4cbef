"""May this person be sent a marketing invite or reminder? A pure decision that explains itself.

What Klaviyo's `subscriptions` block means: https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api
Consent (what a person said) and suppression (whether they can be reached) are two axes, and both must allow it.
Unknown is never yes.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.reasons import Reason, Who, declare
from klaviyo.models.policies import Policy

IN_PEACE = "Leave them in peace."
IF_THE_LAW_LETS_YOU = (
    "If the law where the store sells allows it, the merchant can choose “Anyone who has not opted out” for "
    "this kind of message. Otherwise let the advocate share their link."
)
SUBSCRIBED = declare(
    "subscribed",
    "Subscribed",
    "The person has subscribed.",
    because="they have subscribed",
    means="The person has subscribed to the store's marketing e-mails in Klaviyo, and their address can be reached.",
    who=Who.PERSON,
    do="Nothing speaks against the message.",
)
NO_PROFILE = declare(
    "no_profile",
    "Never seen by Klaviyo",
    "Klaviyo has never seen this person{and_so}",
    because="Klaviyo has never seen them, and the store writes to subscribers only",
    means="The account has no profile with this address, so the person can neither have agreed nor refused. "
    "What happens then is the store's policy.",
    who=Who.PERSON_OR_MERCHANT,
    do=IF_THE_LAW_LETS_YOU,
)
NEVER_SUBSCRIBED = declare(
    "never_subscribed",
    "Never subscribed",
    "The person has never subscribed{and_so}",
    because="they have never subscribed, and the store writes to subscribers only",
    means="Klaviyo knows the person, who has said neither yes nor no to marketing e-mail. What happens then is the "
    "store's policy.",
    who=Who.PERSON_OR_MERCHANT,
    do=IF_THE_LAW_LETS_YOU,
)
UNSUBSCRIBED = declare(
    "unsubscribed",
    "Unsubscribed",
    "The person has unsubscribed.",
    because="they have unsubscribed",
    means="The person has told the store, through Klaviyo, that they want no more marketing e-mail. No policy of the "
    "store's overrides that.",
    who=Who.PERSON,
    do=f"{IN_PEACE} If they ask for e-mails again, the store's own sign-up form is the way.",
)
SUPPRESSED = declare(
    "suppressed",
    "Suppressed at Klaviyo",
    "Klaviyo has suppressed this address: {why}.",
    because="Klaviyo has suppressed their address",
    means="Klaviyo keeps the address on its list of those that must not be written to: it bounced, its owner reported "
    "spam, or somebody at the store put it there.",
    who=Who.ACCOUNT,
    do="Read Klaviyo's reason for it. A bounce or a complaint stays; what the store's staff suppressed, they "
    "can lift in Klaviyo.",
)
LEFT_LIST = declare(
    "list_suppressed",
    "Unsubscribed from the list",
    "The person has unsubscribed from the store's list.",
    because="they have unsubscribed from the store's list",
    means="The person left the list that this store uses. Other e-mail of the same account may still reach them.",
    who=Who.PERSON,
    do=IN_PEACE,
)
UNKNOWN = declare(
    "consent_unknown",
    "Consent not readable",
    "Klaviyo describes the person's consent in a word we do not know.",
    because="Klaviyo's answer about their consent could not be understood",
    means="Klaviyo answered, but did not say in words we know whether the person may be written to. Unknown is never "
    "yes.",
    who=Who.RUNNER,
    do="Ask Klaviyo now, below. If the answer stays like this, tell whoever runs this site.",
)


@dataclass(frozen=True)
class Decision:
    """Allowed or not, why, and what Klaviyo said. `asked_at` is when it said so; None where it was not asked."""

    allowed: bool
    reason: Reason
    policy: Policy
    evidence: dict[str, Any] = field(default_factory=dict)
    asked_at: datetime | None = None

    @property
    def code(self) -> str:
        return self.reason.code

    @property
    def sentence(self) -> str:
        return self.reason.sentence

    def as_record(self) -> dict[str, Any]:
        return {
            "allowed": self.allowed,
            "code": self.code,
            "sentence": self.sentence,
            "policy": self.policy,
            "evidence": self.evidence,
            "asked_at": self.asked_at.isoformat() if self.asked_at else None,
        }


def decide(
    known: bool, attributes: dict[str, Any] | None, policy: Policy, *, list_ids: Collection[str] = ()
) -> Decision:
    """Decide about one person from a fresh look-up.

    `known`: whether Klaviyo has a profile; `attributes`: that profile's, asked for with `subscriptions`;
    `list_ids`: the lists that the message is sent for, if any.
    """
    if not known:
        return _silent(policy, NO_PROFILE)
    marketing = _marketing(attributes or {})
    if isinstance(marketing, str):
        return Decision(False, UNKNOWN.saying(marketing), policy)
    if objection := _objection(marketing, list_ids):
        return Decision(False, objection, policy, _evidence(marketing))
    if marketing["consent"] == "SUBSCRIBED":
        return Decision(True, SUBSCRIBED, policy, _evidence(marketing))
    return _silent(policy, NEVER_SUBSCRIBED, _evidence(marketing))


def _silent(policy: Policy, reason: Reason, evidence: dict[str, Any] | None = None) -> Decision:
    """The two cases that the policy decides: nobody said yes, and nobody said no."""
    if policy is Policy.NOT_OPTED_OUT:
        decides = ", nor said no; the store's policy allows the message a friend asked for."
    else:
        decides = "; the store's policy asks for a subscription first."
    return Decision(policy is Policy.NOT_OPTED_OUT, reason.about(and_so=decides), policy, evidence or {})


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


def _objection(marketing: dict[str, Any], list_ids: Collection[str]) -> Reason | None:
    """The first thing that speaks against it, in the order of weight; None if nothing does."""
    reasons = _reasons(marketing.get("suppression"))
    consent = marketing.get("consent")
    if reasons:
        named = ", ".join(reason.lower().replace("_", " ") for reason in reasons)
        return SUPPRESSED.about(why=named)
    if consent == "UNSUBSCRIBED":
        return UNSUBSCRIBED
    if marketing.get("can_receive_email_marketing") is not True:
        return SUPPRESSED.saying("Klaviyo says that this address cannot be reached, and gives no reason.")
    left = _lists(marketing.get("list_suppressions"))
    if left is None:
        return UNKNOWN.saying("Klaviyo says in a form we do not know which lists the person has left.")
    if left & set(list_ids):
        return LEFT_LIST
    if consent not in ("SUBSCRIBED", "NEVER_SUBSCRIBED"):
        return UNKNOWN
    return None


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
