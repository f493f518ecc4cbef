"""Events mapped from referral facts. Pure: each function bears the name of the signal it serves."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from klaviyo.api import values
from klaviyo.api.answers import members, words
from klaviyo.mapping import catalogue
from klaviyo.mapping.catalogue import Metric
from referrals import names, suppressions
from referrals.models import Advocate, Conversion, Invite, Reminder, Reward, Visit

CURRENCY = re.compile(r"[A-Z]{3}")
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

    @cached_property
    def key(self) -> str:
        return f"{self.metric.key}:{self.uid}"

    @cached_property
    def address(self) -> str:
        return values.address(self.email)

    @cached_property
    def unique_id(self) -> str:
        """The same for the same fact, for ever: Klaviyo keeps the first event of an id and drops the rest."""
        return str(uuid.uuid5(NAMESPACE, self.key))  # https://developers.klaviyo.com/en/reference/create_event


@dataclass(frozen=True)
class Recorded:
    """An event as a delivery's body has it; `properties` are the body's own, to be changed in place."""

    unique_id: str
    at: datetime | None
    properties: dict[str, Any]

    @classmethod
    def in_body(cls, body: Any) -> "Recorded":
        told = members(members(members(body).get("data")).get("attributes"))
        return cls(words(told.get("unique_id")), values.moment(told.get("time")), members(told.get("properties")))


def advocate_joined(advocate: Advocate) -> list[Event]:
    told = {"share_link": advocate.share_link, "referral_code": advocate.referral_code, "role": advocate.role}
    return [_on_advocate(catalogue.ADVOCATE_STARTED, advocate, advocate, "link", told)]


def invite_sent(invite: Invite) -> list[Event]:
    """What a Klaviyo flow, or our own e-mail, brings to the friend."""
    return [_on_friend(catalogue.INVITE_RECEIVED, invite, invite, _invitation(invite))]


def invite_reminded(reminder: Reminder) -> list[Event]:
    invite = reminder.invite
    told = _invitation(invite) | {"reminder_number": reminder.number}
    return [_on_friend(catalogue.INVITE_REMINDER, reminder, invite, told)]


def invite_went_out(invite: Invite) -> list[Event]:
    told = {"invite_id": str(invite.uid)}
    if not suppressions.is_erased(str(invite.recipient_email)):
        told["recipient_email"] = invite.recipient_email
    return [_on_advocate(catalogue.INVITE_SENT, invite.advocate, invite, invite.channel, told)]


def visit_recorded(visit: Visit) -> list[Event]:
    told = {"landing_page": visit.landing_page, "referrer": visit.referrer}
    return [_on_advocate(catalogue.REFERRED_VISIT, visit.advocate, visit, visit.channel, told)]


def conversion_recorded(conversion: Conversion) -> list[Event]:
    advocate = conversion.advocate
    told = {
        "order_id": conversion.order_id,
        "items": _items(conversion.lines),
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
        _on_advocate(catalogue.CONVERSION, advocate, conversion, "link", told, value=value, currency=currency),
        Event(
            catalogue.REFERRED_PURCHASE,
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
    return [_on_rewarded(catalogue.REWARD_ISSUED, reward, reward.occurred_at, {})]


def reward_reversed(reward: Reward) -> list[Event]:
    moment = reward.reversed_at or reward.occurred_at
    return [_on_rewarded(catalogue.REWARD_REVERSED, reward, moment, {"reason": reward.reversal_reason})]


def event_body(event: Event) -> tuple[dict[str, Any], list[str]]:
    """The request of https://developers.klaviyo.com/en/reference/create_event, and what was trimmed from it."""
    properties, warnings = values.properties(dict(event.properties))
    attributes: dict[str, Any] = {
        "properties": properties,
        "time": event.occurred_at.isoformat(),
        "unique_id": event.unique_id,
        "metric": {"data": {"type": "metric", "attributes": {"name": event.metric.name}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": event.address}}},
    }
    worth, left_out = _worth(event)
    return {"data": {"type": "event", "attributes": attributes | worth}}, warnings + left_out


def fact_id(fact: Any) -> uuid.UUID:
    """A fact's own id, by which it is told once. Raises ValueError for what is none."""
    return fact.uid if isinstance(fact.uid, uuid.UUID) else uuid.UUID(str(fact.uid))


def _worth(event: Event) -> tuple[dict[str, Any], list[str]]:
    """An event's value and its currency, as far as they are what they should be."""
    if event.value is None:
        return {}, []
    if (value := values.number(event.value)) is None:
        return {}, ["The value was left out: it is not a number."]
    currency = values.text(event.currency)
    if not CURRENCY.fullmatch(currency):
        return {"value": value}, ["The currency was left out: it is not a code of ISO 4217."]
    return {"value": value, "value_currency": currency}, []


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
        "expires_at": _expiry(reward),
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


def _items(lines: Any) -> Any:
    """The order's lines with numbers as numbers, like the total: they are stored as decimal text."""
    return [_item(line) if isinstance(line, Mapping) else line for line in lines] if isinstance(lines, list) else lines


def _item(line: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: values.number(line[name]) for name in ("price", "quantity") if isinstance(line.get(name), str)}
    return {**line, **{name: number for name, number in told.items() if number is not None}}


def _expiry(reward: Reward) -> Any:
    """By the store's clock, where it has one: flows show the day as it is written."""
    store = reward.advocate.program.store
    if not isinstance(reward.expires_at, datetime):
        return reward.expires_at
    return (store.local(reward.expires_at) if store.time_zone else reward.expires_at).isoformat()


def _invitation(invite: Invite) -> dict[str, Any]:
    advocate = invite.advocate
    return {
        "invite_id": str(invite.uid),
        "advocate_name": names.shown(advocate),
        "share_link": invite.link,
        "offer": advocate.program.offer,
        "offer_code": advocate.program.offer_code,
    }
