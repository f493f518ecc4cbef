"""Ids in the forms that Klaviyo gives them, and times as it writes them."""

from __future__ import annotations

import re
import secrets
import string
import time
from datetime import UTC, datetime

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ALPHANUMERIC = string.ascii_letters + string.digits

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
SHORT = re.compile(r"[A-Za-z0-9]{6}")
EVENT = re.compile(r"[A-Za-z0-9]{11}")


def ulid() -> str:
    number = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))


def short() -> str:
    return _random(6)


def event() -> str:
    return _random(11)


def long() -> str:
    return _random(60)


def now() -> str:
    return moment(datetime.now(UTC))


def moment(at: datetime) -> str:
    """A time as text: UTC, whole seconds, so that texts compare as times do."""
    return at.astimezone(UTC).replace(microsecond=0).isoformat()


def from_timestamp(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def parsed(text: str) -> datetime:
    """Reads an ISO 8601 date or time, UTC when it names no zone; ValueError otherwise."""
    at = datetime.fromisoformat(text)
    try:
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("Too near the ends of time.") from error


def _random(length: int) -> str:
    number = secrets.randbits(6 * length + 16)
    letters = []
    for _ in range(length):
        number, index = divmod(number, 62)
        letters.append(_ALPHANUMERIC[index])
    return "".join(letters)
