"""What a destination needs beside fields: the metric and time of an event, or who said yes to what."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from klaviyo.api import values
from klaviyo.syncs.columns import consent, dates, events
from klaviyo.syncs.columns.cells import Trouble
from klaviyo.syncs.columns.document import CHANNELS, Channel, Document
from klaviyo.syncs.columns.parts import Places

#: Of the cell, the warnings, the payload as far as it is made, and the identity: a value, or None for none.
Read = Callable[[object, list[str], dict[str, Any], str], Any]

#: What a channel needs, and where it stands in a payload.
REACHED_BY = {"email": ("email", "email_address"), "sms": ("phone_number", "phone_number")}


class Extra(NamedTuple):
    """One of a payload's members, of the cell at `place`."""

    label: str
    place: int
    read: Read
    name: str


def of(document: Document, places: Places, zone: ZoneInfo, now: datetime) -> tuple[Extra, ...]:
    """What is read of each row, in this order."""
    found = []
    if document.metric_column:
        found.append(_metric(document.metric_column, places))
    if document.time:
        time = document.time
        found.append(_time(time.column, places, dates.instants(time.column, zone, time.form), now))
    for name in CHANNELS:
        if name in document.channels:
            found.append(_channel(name, document.channels[name], places, document.identity.kind))
    if document.consented_at:
        time = document.consented_at
        found.append(_consented_at(time.column, places, dates.instants(time.column, zone, time.form), now))
    return tuple(found)


def _metric(column: str, places: Places) -> Extra:
    def read(value: object, _warnings: list[str], _payload: dict[str, Any], _identity: str) -> str:
        return events.metric_name(value)

    return Extra(column, places[column], read, "metric")


def _time(column: str, places: Places, instant: Callable[[object, list[str]], datetime], now: datetime) -> Extra:
    def read(value: object, warnings: list[str], _payload: dict[str, Any], _identity: str) -> str:
        return events.time(instant, value, warnings, now)

    return Extra(column, places[column], read, "time")


def _channel(name: str, channel: Channel, places: Places, kind: str) -> Extra:
    by, told = REACHED_BY[name]

    def read(value: object, _warnings: list[str], payload: dict[str, Any], identity: str) -> bool:
        if not consent.says_yes(value, channel.yes):
            return False
        reached = identity if kind == by else payload.get(told)
        if not reached and kind in ("email", "phone_number"):
            raise Trouble(f"says yes, but the row has no {by}: fill it in, or take the yes back")
        if name == "sms" and reached and not values.gets_texts(reached):
            raise Trouble("says yes, but no text messages reach this phone number: it needs a mobile number")
        return True

    return Extra(channel.column, places[channel.column], read, name)


def _consented_at(
    column: str, places: Places, instant: Callable[[object, list[str]], datetime], now: datetime
) -> Extra:
    def read(value: object, warnings: list[str], payload: dict[str, Any], _identity: str) -> str | None:
        said_yes = any(payload.get(name) is True for name in CHANNELS)
        return consent.time(instant, value, warnings, now) if said_yes else None

    return Extra(column, places[column], read, "consented_at")
