"""From a referral fact to what Klaviyo is told. Pure: each function bears the name of the signal it serves."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from klaviyo import cleaning, events, phones
from klaviyo.events import Metric
from referrals import names, suppressions
from referrals.models import Advocate, Conversion, Invite, Reminder, Reward, Visit
from referrals.standing import Standing

CURRENCY = re.compile(r"[A-Z]{3}")
LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
NAMESPACE = uuid.UUID("6f0c2c5e-6a44-5f0e-9d2b-50a1e7d9b7a4")  # never change: event ids are made from it


@dataclass(frozen=True)
class Event:
    """One event on one person's profile. `person` holds what a new profile of theirs would get."""

    metric: Metric
    email: str
    uid: uuid.UUID
    occurred_at: datetime
    properties: Mapping[str, Any]
    value: Decimal | None = None
    currency: str = ""
    person: Mapping[str, Any] = field(default_factory=dict)
    expires_at: datetime | None = None

    @property
    def key(self) -> str:
        return f"{self.metric.key}:{self.uid}"

    @property
    def address(self) -> str:
        return cleaning.address(self.email)

    @property
    def unique_id(self) -> str:
        """The same for the same fact, for ever: Klaviyo keeps the first event of an id and drops the rest."""
        return str(uuid.uuid5(NAMESPACE, self.key))


def advocate_joined(advocate: Advocate) -> list[Event]:
    told = {"share_link": advocate.share_link, "referral_code": advocate.referral_code, "role": advocate.role}
    return [_on_advocate(events.ADVOCATE_STARTED, advocate, advocate, "link", told)]


def invite_sent(invite: Invite) -> list[Event]:
    """What a Klaviyo flow, or our own e-mail, brings to the friend."""
    return [_on_friend(events.INVITE_RECEIVED, invite, invite, _invitation(invite))]


def invite_reminded(reminder: Reminder) -> list[Event]:
    invite = reminder.invite
    told = _invitation(invite) | {"reminder_number": reminder.number}
    return [_on_friend(events.INVITE_REMINDER, reminder, invite, told)]


def invite_went_out(invite: Invite) -> list[Event]:
    told = {"invite_id": str(invite.uid)}
    if not suppressions.is_erased(str(invite.recipient_email)):
        told["recipient_email"] = invite.recipient_email
    return [_on_advocate(events.INVITE_SENT, invite.advocate, invite, invite.channel, told)]


def visit_recorded(visit: Visit) -> list[Event]:
    told = {"landing_page": visit.landing_page, "referrer": visit.referrer}
    return [_on_advocate(events.REFERRED_VISIT, visit.advocate, visit, visit.channel, told)]


def conversion_recorded(conversion: Conversion) -> list[Event]:
    advocate = conversion.advocate
    told = {
        "order_id": conversion.order_id,
        "items": conversion.lines,
        "discount_code": conversion.discount_code,
        "total": conversion.total,
        "currency": conversion.currency,
    }
    value, currency = conversion.total, conversion.currency
    friend = {
        "first_name": conversion.friend_first_name,
        "last_name": conversion.friend_last_name,
        "phone_number": conversion.friend_phone,
    }
    return [
        _on_advocate(events.CONVERSION, advocate, conversion, "link", told, value=value, currency=currency),
        Event(
            events.REFERRED_PURCHASE,
            conversion.friend_email,
            fact_id(conversion),
            conversion.occurred_at,
            _common(advocate, conversion, "link") | told,
            value=value,
            currency=currency,
            person=friend,
        ),
    ]


def conversion_refunded(_refund: Conversion) -> list[Event]:
    """A refund changes the advocate's totals; marketers hear of it as the reward that is taken back."""
    return []


def reward_issued(reward: Reward) -> list[Event]:
    return [_on_rewarded(events.REWARD_ISSUED, reward, reward.occurred_at, {})]


def reward_reversed(reward: Reward) -> list[Event]:
    moment = reward.reversed_at or reward.occurred_at
    return [_on_rewarded(events.REWARD_REVERSED, reward, moment, {"reason": reward.reversal_reason})]


def event_body(event: Event) -> tuple[dict[str, Any], list[str]]:
    """The request of https://developers.klaviyo.com/en/reference/create_event, and what was trimmed from it."""
    properties, warnings = cleaning.properties(dict(event.properties))
    attributes: dict[str, Any] = {
        "properties": properties,
        "time": event.occurred_at.isoformat(),
        "unique_id": event.unique_id,
        "metric": {"data": {"type": "metric", "attributes": {"name": event.metric.name}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": event.address}}},
    }
    worth, left_out = _worth(event)
    return {"data": {"type": "event", "attributes": attributes | worth}}, warnings + left_out


def person_attributes(raw: Mapping[str, Any], country: str) -> tuple[dict[str, Any], list[str]]:
    """Names and phone of a person as Klaviyo takes them; what we do not know is left out, never null."""
    known, warnings = cleaning.properties({name: cleaning.text(value) for name, value in raw.items()})
    if "locale" in known and not LOCALE.fullmatch(known["locale"]):
        del known["locale"]
        warnings.append("The language was left out: it is not like en or en-GB.")
    if "phone_number" in known:
        number = phones.e164(known.pop("phone_number"), country)
        if number:
            known["phone_number"] = number
        else:
            warnings.append("The phone number was left out: it is not a number that can be called.")
    return known, warnings


def profile(advocate: Advocate, standing: Standing, prefix: str = "sorae_") -> tuple[dict[str, Any], list[str]]:
    """An advocate's profile: names, phone, and our own properties under our own prefix."""
    names = {
        "first_name": advocate.first_name,
        "last_name": advocate.last_name,
        "phone_number": advocate.phone,
        "locale": advocate.locale,
    }
    attributes, warnings = person_attributes(names, advocate.program.store.country)
    ours, trimmed = cleaning.properties(_standing(advocate, standing))
    attributes["properties"] = {f"{prefix}{name}": value for name, value in ours.items()}
    return attributes | {"email": cleaning.address(advocate.email)}, warnings + trimmed


def fact_id(fact: Any) -> uuid.UUID:
    """A fact's own id, by which it is told once. Raises ValueError for what is none."""
    return uuid.UUID(str(fact.uid))


def _worth(event: Event) -> tuple[dict[str, Any], list[str]]:
    """An event's value and its currency, as far as they are what they should be."""
    if event.value is None:
        return {}, []
    if (value := cleaning.number(event.value)) is None:
        return {}, ["The value was left out: it is not a number."]
    currency = cleaning.text(event.currency)
    if not CURRENCY.fullmatch(currency):
        return {"value": value}, ["The currency was left out: it is not a code of ISO 4217."]
    return {"value": value, "value_currency": currency}, []


def _standing(advocate: Advocate, standing: Standing) -> dict[str, Any]:
    store = advocate.program.store
    told = {
        "referral_code": advocate.referral_code,
        "share_link": advocate.share_link,
        "store": store.slug,
        "program": advocate.program.slug,
        "program_type": advocate.program.type,
        "role": advocate.role,
        "tier": advocate.tier,
        "invites": standing.invites,
        "visits": standing.visits,
        "conversions": standing.conversions,
        "rewards": standing.rewards,
        "currency": store.currency,
        "amount_earned": float(standing.earned.get(store.currency, 0)),
        "amount_owed": float(standing.owed.get(store.currency, 0)),
    }
    for currency in sorted((set(standing.earned) | set(standing.owed)) - {store.currency}):
        told[f"amount_earned_{currency.lower()}"] = float(standing.earned.get(currency, 0))
        told[f"amount_owed_{currency.lower()}"] = float(standing.owed.get(currency, 0))
    return told


def _common(advocate: Advocate, fact: Any, channel: str) -> dict[str, Any]:
    program = advocate.program
    return {
        "store": program.store.slug,
        "campaign": program.slug,
        "program_type": program.type,
        "channel": channel,
        "advocate_id": str(advocate.uid),
        "fact_id": str(fact_id(fact)),
    }


def _on_advocate(
    metric: Metric,
    advocate: Advocate,
    fact: Any,
    channel: str,
    told: dict[str, Any],
    value: Decimal | None = None,
    currency: str = "",
) -> Event:
    names = {"first_name": advocate.first_name, "last_name": advocate.last_name, "phone_number": advocate.phone}
    return Event(
        metric,
        advocate.email,
        fact_id(fact),
        fact.occurred_at,
        _common(advocate, fact, channel) | told,
        value=value,
        currency=currency,
        person=names,
    )


def _on_friend(metric: Metric, fact: Any, invite: Invite, told: dict[str, Any]) -> Event:
    return Event(
        metric,
        invite.recipient_email,
        fact_id(fact),
        fact.occurred_at,
        _common(invite.advocate, fact, invite.channel) | told,
        expires_at=invite.expires_at,
    )


def _on_rewarded(metric: Metric, reward: Reward, moment: datetime, told: dict[str, Any]) -> Event:
    about = {
        "reward_id": str(reward.uid),
        "kind": reward.kind,
        "amount": reward.amount,
        "currency": reward.currency,
        "discount_code": reward.code,
        "expires_at": reward.expires_at.isoformat() if isinstance(reward.expires_at, datetime) else reward.expires_at,
    }
    return Event(
        metric,
        reward.recipient_email,
        fact_id(reward),
        moment,
        _common(reward.advocate, reward, "link") | about | told,
        value=reward.amount,
        currency=reward.currency,
    )


def _invitation(invite: Invite) -> dict[str, Any]:
    advocate = invite.advocate
    return {
        "invite_id": str(invite.uid),
        "advocate_name": names.shown(advocate),
        "share_link": invite.link,
        "offer": advocate.program.offer,
        "offer_code": advocate.program.offer_code,
    }
