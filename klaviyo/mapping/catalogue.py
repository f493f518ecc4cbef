"""Metrics catalogue: each metric, on whose profile it stands, when it is sent, and its properties.

Names and properties are a contract with marketers, whose flows and segments use them: add, never rename.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

Person = Literal["advocate", "friend", "rewarded"]

EVERY_EVENT = {
    "store": "The store's short name",
    "campaign": "The program's short name",
    "program_type": "referral or affiliate",
    "channel": "How the friend was reached: email, sms, link, …",
    "advocate_id": "Sorae's id of the advocate",
    "fact_id": "Sorae's id of what happened",
}
INVITATION = {
    "invite_id": "Sorae's id of the invite",
    "advocate_name": "Who invites",
    "share_link": "The link that the friend should use",
    "offer": "What the friend gets",
    "offer_code": "The offer's discount code, where it has one",
}
ORDER = {
    "order_id": "The shop's order number",
    "items": "Lines: sku, name, quantity, price",
    "discount_code": "The code that was used",
    "total": "The order's total; also the event's value",
    "currency": "ISO 4217",
}
REWARD = {
    "reward_id": "Sorae's id of the reward",
    "kind": "discount, cash, credit or gift",
    "amount": "How much; also the event's value",
    "currency": "ISO 4217",
    "discount_code": "The code to use it with",
    "expires_at": "Until when",
}
#: Of a profile, each after `sorae_`; amounts in further currencies have the currency behind the name.
PROFILE = {
    "referral_code": "The person's own code",
    "share_link": "The person's own link",
    "store": "The store's short name",
    "program": "The program's short name",
    "program_type": "referral or affiliate",
    "role": "advocate or affiliate",
    "tier": "What the shop calls their level; only where they have one",
    "invites": "How many friends they have invited",
    "visits": "How often friends came through them",
    "conversions": "How many orders came through them",
    "rewards": "How many rewards they have, without those taken back",
    "currency": "The store's currency, ISO 4217",
    "amount_earned": "What their rewards are worth, in the store's currency",
    "amount_owed": "Of that, what is not paid yet",
}


@dataclass(frozen=True)
class Metric:
    """A metric; `consent` names the message that is decided about first; `useful_for` is how late it may still go."""

    key: str
    name: str
    on: Person
    when: str
    properties: dict[str, str]
    consent: Literal["invite", "reminder"] | None = None
    useful_for: timedelta | None = None


ADVOCATE_STARTED = Metric(
    "advocate_started",
    "Sorae Advocate Started",
    "advocate",
    "A person joins a program",
    {"share_link": "The person's own link", "referral_code": "The person's own code", "role": "advocate or affiliate"},
)
INVITE_SENT = Metric(
    "invite_sent",
    "Sorae Invite Sent",
    "advocate",
    "An invite went out",
    {"invite_id": INVITATION["invite_id"], "recipient_email": "Whom the advocate invited"},
)
INVITE_RECEIVED = Metric(
    "invite_received",
    "Sorae Invite Received",
    "friend",
    "An invite that a Klaviyo flow delivers; only after the consent decision",
    INVITATION,
    consent="invite",
    useful_for=timedelta(days=7),
)
INVITE_REMINDER = Metric(
    "invite_reminder",
    "Sorae Invite Reminder",
    "friend",
    "A reminder that a Klaviyo flow delivers; only after the consent decision",
    INVITATION | {"reminder_number": "1 for the first"},
    consent="reminder",
    useful_for=timedelta(days=3),
)
REFERRED_VISIT = Metric(
    "referred_visit",
    "Sorae Referred Visit",
    "advocate",
    "A friend lands through a share link",
    {"landing_page": "Where the friend arrived", "referrer": "Where the friend came from"},
)
CONVERSION = Metric("conversion", "Sorae Conversion", "advocate", "A friend orders", ORDER)
REFERRED_PURCHASE = Metric(
    "referred_purchase", "Sorae Referred Purchase", "friend", "The same order, for thank-you flows", ORDER
)
REWARD_ISSUED = Metric("reward_issued", "Sorae Reward Issued", "rewarded", "A reward is granted", REWARD)
REWARD_REVERSED = Metric(
    "reward_reversed",
    "Sorae Reward Reversed",
    "rewarded",
    "A reward is taken back: refund, fraud, expiry",
    REWARD | {"reason": "refund, fraud, expiry or other"},
)

CATALOGUE = (
    ADVOCATE_STARTED,
    INVITE_SENT,
    INVITE_RECEIVED,
    INVITE_REMINDER,
    REFERRED_VISIT,
    CONVERSION,
    REFERRED_PURCHASE,
    REWARD_ISSUED,
    REWARD_REVERSED,
)

METRICS = {metric.key: metric for metric in CATALOGUE}
