"""Consent decision: may this person be sent a marketing invite or reminder? Pure, and it explains itself.

Consent (what a person said) and suppression (whether they can be reached) are two axes, and both must allow it.
Unknown is never yes.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.reasons import Reason, Who, declare
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
ADDRESS = "address"  # in the evidence: whose consent it is, where that is not the address that was asked for
NOTHING_TO_DO = "Nothing to do."
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
    do=f"{NOTHING_TO_DO} If they ask for e-mails again, the store's own sign-up form is the way.",
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
    do=NOTHING_TO_DO,
)
UNKNOWN = declare(
    "consent_unknown",
    "Consent not readable",
    "Klaviyo describes the person's consent in a word we do not know.",
    because="Klaviyo's answer about their consent could not be understood",
    means="Klaviyo answered, but did not say in words we know whether this address may be written to; or what it said "
    "is about another address of the same person. Unknown is never yes.",
    who=Who.RUNNER,
    do="Ask Klaviyo now, below. If the answer stays like this, tell whoever runs this site. Where the person has "
    "several addresses at Klaviyo, let the advocate share their link.",
)
OF_ANOTHER_ADDRESS = UNKNOWN.saying(
    "Klaviyo knows this address as a further one of somebody, and tells the consent of their first address only."
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


def decide(told: Subscriptions | None, policy: Policy, *, list_ids: Collection[str] = ()) -> Decision:
    """Decide about one person from a fresh look-up.

    `told`: what Klaviyo holds of their consent, None where it has no profile of them; `list_ids`: the lists that the
    message is sent for, if any.
    """
    if told is None:
        return _silent(policy, NO_PROFILE)
    if not told.was_asked:
        return Decision(False, UNKNOWN.saying("Klaviyo was not asked for the person's consent."), policy)
    if told.of_another:
        said = {name: told.email.said[name] for name in KEPT if name in told.email.said} if told.email else {}
        return Decision(False, OF_ANOTHER_ADDRESS, policy, {ADDRESS: told.of_another, **said})
    if told.email is None:
        sentence = "Klaviyo says nothing about e-mail marketing for this person."
        return Decision(False, UNKNOWN.saying(sentence), policy)
    evidence = {name: told.email.said[name] for name in KEPT if name in told.email.said}
    if objection := _objection(told.email, list_ids):
        return Decision(False, objection, policy, evidence)
    if told.email.consent == "SUBSCRIBED":
        return Decision(True, SUBSCRIBED, policy, evidence)
    return _silent(policy, NEVER_SUBSCRIBED, evidence)


def _silent(policy: Policy, reason: Reason, evidence: dict[str, Any] | None = None) -> Decision:
    """The two cases that the policy decides: nobody said yes, and nobody said no."""
    if policy is Policy.NOT_OPTED_OUT:
        decides = ", nor said no; the store's policy allows the message a friend asked for."
    else:
        decides = "; the store's policy asks for a subscription first."
    return Decision(policy is Policy.NOT_OPTED_OUT, reason.about(and_so=decides), policy, evidence or {})


def _objection(marketing: Marketing, list_ids: Collection[str]) -> Reason | None:
    """The first thing that speaks against it, in the order of weight; None if nothing does."""
    if marketing.suppressions:
        return SUPPRESSED.about(why=", ".join(one.reason.lower().replace("_", " ") for one in marketing.suppressions))
    # https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api
    if marketing.consent == "UNSUBSCRIBED":
        return UNSUBSCRIBED
    if not marketing.is_reachable:
        return SUPPRESSED.saying("Klaviyo says that this address cannot be reached, and gives no reason.")
    if not marketing.lists_are_readable:
        return UNKNOWN.saying("Klaviyo says in a form we do not know which lists the person has left.")
    if any(one.list_id in list_ids for one in marketing.list_suppressions):
        return LEFT_LIST
    return None if marketing.consent in ("SUBSCRIBED", "NEVER_SUBSCRIBED") else UNKNOWN
