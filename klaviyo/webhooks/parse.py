"""Webhook body parsed with caution: Klaviyo publishes the frame of its webhooks, not their payloads."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from klaviyo.api import ids, values
from klaviyo.api.answers import members, words
from klaviyo.api.values import moment

LONGEST_ID = LONGEST_TOPIC = 200
EMAIL_KEYS = ("email", "$email", "email_address", "recipient_email_address", "recipient_email")
PROFILE_KEYS = ("profile_id", "$profile_id", "customer_id")
MOMENT_KEYS = ("datetime", "timestamp", "time", "occurred_at")
SPLIT = re.compile(r"[\s-]+")


@dataclass(frozen=True)
class Heard:
    """One item of a webhook's body; the address in lower case, and whatever is not told is empty."""

    external_id: str
    topic: str
    profile_id: str
    email: str
    happened_at: datetime | None
    payload: dict[str, Any]


@dataclass(frozen=True)
class Post:
    """A webhook's body; `told_at` is None for what is no time, `items` for what is no list."""

    account_id: str
    told_at: datetime | None
    items: list[Heard] | None


def post(body: bytes) -> Post | None:
    """The frame of a body, as Klaviyo publishes it; None for what is no JSON object."""
    try:
        document = json.loads(body.decode("utf-8", "replace"), parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict):
        return None
    meta, data = members(document.get("meta")), document.get("data")
    items = [one for raw in data if (one := _item(raw))] if isinstance(data, list) else None
    return Post(words(meta.get("klaviyo_account_id")), moment(meta.get("timestamp")), items)


def _item(raw: Any) -> Heard | None:
    """One item; None when it cannot be told what it is about, or apart from others."""
    told = members(raw)
    topic, external_id = values.text(words(told.get("topic"))), _external_id(told.get("external_id"))
    if not topic or not external_id:
        return None
    payload, _ = values.properties(members(told.get("payload")))
    return Heard(
        external_id=external_id,
        topic=topic[:LONGEST_TOPIC],
        profile_id=_profile_id(payload),
        email=_email(payload),
        happened_at=_happened_at(payload),
        payload=payload,
    )


def _external_id(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    id = values.text(value)
    return id if len(id) <= LONGEST_ID else hashlib.sha256(id.encode()).hexdigest()


def _email(payload: dict[str, Any]) -> str:
    """The address that the event names, or else the first one of the profile, which may have further ones.

    Each has its own consent: https://help.klaviyo.com/hc/en-us/articles/48274807144475
    """
    places = list(_objects(payload))
    profiles = [members(place.get("attributes")) for place in places if place.get("type") == "profile"]
    firsts = list(_addresses(profiles))
    named = [address for address in _addresses(places) if address not in firsts]
    return next(iter([*named, *firsts]), "")


def _addresses(places: Iterable[dict[str, Any]]) -> Iterator[str]:
    for place in places:
        for name, value in place.items():
            if SPLIT.sub("_", name.strip()).lower() in EMAIL_KEYS and not values.email_problem(words(value)):
                yield values.address(words(value)).lower()


def _profile_id(payload: dict[str, Any]) -> str:
    places = list(_objects(payload))
    named = [place.get("id") for place in places if place.get("type") == "profile"]
    named += [value for place in places for name, value in place.items() if name in PROFILE_KEYS]
    return next((id for id in map(words, named) if ids.is_one(id)), "")


def _happened_at(payload: dict[str, Any]) -> datetime | None:
    """The event's own time; a profile's times, which may be included, are none of it."""
    places = (place for place in _objects(payload) if place.get("type") != "profile")
    named = (place.get(name) for place in places for name in MOMENT_KEYS)
    found = next((read for read in map(moment, named) if read), None)
    return found if found and found >= values.EARLIEST else None


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a payload, the outer ones first; it is no deeper than `values` left it."""
    level = [value]
    while level:
        yield from (one for one in level if isinstance(one, dict))
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
