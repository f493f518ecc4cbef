"""The fields that a sync may write at Klaviyo: standard ones, custom properties, and those of events."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import cache
from zoneinfo import available_timezones

from klaviyo.api import values
from klaviyo.syncs.columns.cells import Reader, Trouble, shown

PROFILES, EVENTS, LIST, SUBSCRIPTIONS = "profiles", "events", "list", "subscriptions"
DESTINATIONS = (PROFILES, EVENTS, LIST, SUBSCRIPTIONS)

STANDARD = ("first_name", "last_name", "title", "organization", "locale", "image")
IDENTIFIERS = ("email", "phone_number", "external_id")
LOCATION = ("address1", "address2", "city", "country", "region", "zip", "latitude", "longitude", "timezone", "ip")
OF_EVENTS = ("value", "value_currency")
NUMBERS = ("location.latitude", "location.longitude", "value")

FURTHEST = {"location.latitude": 90, "location.longitude": 180, "value": values.LARGEST_WHOLE}
LONGEST_NAME = 255
CLOSED = "sorae_"

_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8}){0,4}", re.ASCII)
_HTTPS = re.compile(r"https://[^\s/?#@\\]+([/?#][^\s\\]*)?")


def problem(name: str, destination: str) -> str:
    """Why a field cannot be written; empty when it can."""
    first, dot, rest = name.partition(".")
    if first == "properties" and dot and destination != SUBSCRIPTIONS:
        return _problem_of_property(rest)
    if destination == EVENTS:
        return "" if name in OF_EVENTS else f"An event has no field {name}: choose {_or(OF_EVENTS)}, or a property."
    if destination == SUBSCRIPTIONS:
        is_there = name in ("email", "phone_number")
        return "" if is_there else f"A sync of subscriptions does not write {name}: only email and phone_number."
    if name in STANDARD or name in IDENTIFIERS or (first == "location" and rest in LOCATION):
        return ""
    return f"There is no field {name}: choose one of Klaviyo's, or name a property, as in properties.Tier."


def _problem_of_property(name: str) -> str:
    if not name.strip():
        return "A property needs a name, as in properties.Tier."
    if name != name.strip() or not name.isprintable() or values.text(name) != name:
        return "The name of a property has no blanks around it, and no characters that nobody sees."
    if len(name) > LONGEST_NAME:
        return f"The name of a property has up to {LONGEST_NAME} characters."
    if name.startswith("$"):
        return f"Names of properties that begin with $ are Klaviyo's own: choose another than {name}."
    if name.casefold().startswith(CLOSED):
        return f"Properties that begin with {CLOSED} belong to Sorae's referrals: choose another name than {name}."
    return ""


def can_be_cleared(name: str, destination: str) -> bool:
    """Whether an empty cell may make the field empty at Klaviyo: never the address, and nothing of an event."""
    return destination in (PROFILES, LIST) and name != "email"


def place(name: str) -> tuple[str, str]:
    """The object that holds the field ("" for the attributes themselves), and its name there."""
    first, dot, rest = name.partition(".")
    return (first, rest) if dot else ("", name)


def in_range(read: Reader, name: str) -> Reader:
    """The reader of a number, within what a standard field can hold; one of a property has no bounds."""
    furthest = FURTHEST.get(name)
    if furthest is None:
        return read

    def within(value: object, warnings: list[str]) -> object:
        number = read(value, warnings)
        if isinstance(number, str) or not -furthest <= number <= furthest:
            said = name.rpartition(".")[2]
            raise Trouble(f"{shown(value)} is no {said}: it lies between -{furthest} and {furthest}")
        return number

    return within


def _locale(text: str) -> str:
    made = text.strip().replace("_", "-")
    if not _LOCALE.fullmatch(made):
        raise Trouble(f"{shown(text)} is no language: it is written like en or en-US")
    return made


def _zone(text: str) -> str:
    if text.strip() not in _zones():
        raise Trouble(f"{shown(text)} is no time zone: it is named like Europe/Helsinki")
    return text.strip()


@cache
def _zones() -> set[str]:
    return available_timezones()


def _ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise Trouble(f"{shown(text)} is no IP address: it is written like 203.0.113.7") from None


def _image(text: str) -> str:
    if not _HTTPS.fullmatch(text.strip()):
        raise Trouble("is no address of a picture: it begins with https://")
    return text.strip()


def currency(text: str) -> str:
    """A currency of ISO 4217. Raises Trouble."""
    code = text.strip().upper()
    if not values.is_currency(code):
        raise Trouble(f"{shown(text)} is no currency: it has three letters, like EUR (ISO 4217)")
    return code


CHECKS: Mapping[str, Callable[[str], str]] = {
    "locale": _locale,
    "image": _image,
    "location.timezone": _zone,
    "location.ip": _ip,
    "value_currency": currency,
}


def _or(names: tuple[str, ...]) -> str:
    return " or ".join(names)
