"""Values cleaned to fit Klaviyo's limits (properties, addresses, times), with a warning for each that was trimmed."""

import math
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime

from referrals import domains, money, phones

MOST_PROPERTIES = 400  # this and the next five: https://developers.klaviyo.com/en/reference/events_api_overview
LONGEST_STRING = 100_000  # bytes of UTF-8
MOST_ITEMS = 4_000
DEEPEST = 9
EARLIEST = datetime(2001, 1, 1, tzinfo=UTC)
FURTHEST_AHEAD = timedelta(days=364)
LARGEST_WHOLE = 2**53  # exact in JSON: RFC 8259, 6
LONGEST_EMAIL = 100  # https://developers.klaviyo.com/en/reference/profiles_api_overview
LONGEST_ADDRESS = 254
AT_HAND = 10_000  # addresses whose forms are not made anew: those of a batch come up time and again

NUMBER = re.compile(r"\s*\d+(\.\d+)?\s*")
MILLISECONDS_FROM = 10_000_000_000  # as seconds, that is the year 2286

_validate = domains.AddressValidator()
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def properties(raw: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """A JSON object that Klaviyo takes, without members that say nothing, and a warning for each thing trimmed."""
    warnings: list[str] = []
    cleaned = {text(key): _clean(value, key, warnings, 1) for key, value in raw.items()}
    kept = {key: value for key, value in cleaned.items() if value not in _NOTHING}
    if len(kept) > MOST_PROPERTIES:
        warnings.append(f"Only the first {MOST_PROPERTIES} properties were kept.")
        kept = dict(list(kept.items())[:MOST_PROPERTIES])
    return kept, warnings


def text(value: Any) -> str:
    """Text without NUL bytes and halves of characters, which neither database nor JSON can carry."""
    if type(value) is str and value.isascii() and "\0" not in value:
        return value  # as nearly all are
    return ("" if value is None else str(value)).replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def address(email: Any) -> str:
    """An e-mail address as it travels: an international domain in its ASCII form (see `domains`)."""
    return _address(text(email))


@lru_cache(AT_HAND)
def _address(plain: str) -> str:
    with suppress(UnicodeError):
        plain = domains.address_in_ascii(plain)
    return plain[:LONGEST_ADDRESS]


def email_problem(email: Any) -> str:
    """Why an address cannot be used; empty when it can."""
    return _email_problem(email) if type(email) is str else _problem_of(email)


@lru_cache(AT_HAND)
def _email_problem(email: str) -> str:
    return _problem_of(email)


def _problem_of(email: Any) -> str:
    if len(address(email)) > LONGEST_EMAIL:
        return f"The e-mail address is longer than {LONGEST_EMAIL} characters."
    try:
        _validate(email)
    except (ValidationError, TypeError):
        return "The e-mail address is malformed."
    if not text(email).rpartition("@")[0].isascii():
        return "The e-mail address is malformed: its first part is not plain ASCII."
    return "" if address(email).isascii() else "The e-mail address is malformed: there is no such domain."


def phone(raw: str, country: str) -> str:
    """A phone number as E.164; empty for what is none, or not certain (see `phones`)."""
    return phones.e164(raw, country) or ""


def phone_of(raw: str, country: str) -> str:
    """As `phone`, of a number whose own country is told with it, so that nothing is guessed."""
    return phones.of_country(raw, country) or ""


def is_uncertain_phone(raw: str, country: str) -> bool:
    """Whether it would be a number of that country, if only nobody elsewhere might write theirs alike."""
    return phones.is_guess(raw, country)


def gets_texts(number: str) -> bool:
    """Whether text messages may reach a number in E.164."""
    return phones.gets_texts(number)


def is_currency(code: str) -> bool:
    """Whether it is one of ISO 4217 that prices are in."""
    return money.is_currency(code)


def number(value: Any) -> float | None:
    """A finite number, or None for what is none."""
    try:
        made = float(value)
    except (TypeError, ValueError, ArithmeticError):
        return None
    return made if math.isfinite(made) else None


def moment(value: Any) -> datetime | None:
    """A time as ISO 8601 (without a zone it is UTC), or in seconds or milliseconds since 1970."""
    try:
        if isinstance(value, str) and not NUMBER.fullmatch(value) and (read := parse_datetime(value.strip())):
            return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, bool) or not (seconds := number(value)):
            return None
        return datetime.fromtimestamp(seconds / 1000 if seconds > MILLISECONDS_FROM else seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def is_moment(value: Any) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def time_problem(moment: Any, now: datetime) -> str:
    """Why a time cannot be used; empty when it can."""
    if not is_moment(moment):
        return "The time has no time zone."
    if not EARLIEST <= moment <= now + FURTHEST_AHEAD:
        return "The time is too far off: Klaviyo takes times from 2001 until a year from now."
    return ""


def _clean(value: Any, name: str, warnings: list[str], depth: int) -> Any:
    match value:
        case str():
            return _string(text(value), name, warnings)
        case bool() | None:
            return value
        case int() if abs(value) <= LARGEST_WHOLE:
            return value
        case int() | float() | Decimal():
            if (made := number(value)) is None:
                warnings.append(f"{name} was left out: it is not a number.")
            return made
        case _ if depth > DEEPEST:
            warnings.append(f"{name} was cut: it is nested too deep.")
            return None
        case dict():
            return {text(str(key)): _clean(item, name, warnings, depth + 1) for key, item in value.items()}
        case list() | tuple():
            if len(value) > MOST_ITEMS:
                warnings.append(f"Only the first {MOST_ITEMS} items of {name} were kept.")
            return [_clean(item, name, warnings, depth + 1) for item in value[:MOST_ITEMS]]
        case _:
            return _string(text(str(value)), name, warnings)


def _string(value: str, name: str, warnings: list[str]) -> str:
    if 4 * len(value) <= LONGEST_STRING or len(encoded := value.encode()) <= LONGEST_STRING:
        return value
    warnings.append(f"{name} was cut to {LONGEST_STRING} bytes.")
    return encoded[:LONGEST_STRING].decode("utf-8", "ignore")
