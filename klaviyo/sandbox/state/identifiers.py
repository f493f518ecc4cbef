"""Identifiers in the forms that Klaviyo gives them, and times as it writes them.

None of these ids is a secret: a plain dice is good enough for them.
"""

import random
import re
import string
import threading
import time
import uuid
from datetime import UTC, datetime
from functools import lru_cache

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CROCKFORD_PAIRS = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
_ALPHANUMERIC = string.ascii_letters + string.digits
_IN_ORDER = string.digits + string.ascii_uppercase + string.ascii_lowercase
_PAIRS_IN_ORDER = tuple(first + second for first in _IN_ORDER for second in _IN_ORDER)

ULID = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
SHORT = re.compile(r"[A-Za-z0-9]{6}")
EVENT = re.compile(r"[A-Za-z0-9]{11}")


def ulid() -> str:
    number = (int(time.time() * 1000) << 80) | random.getrandbits(80)
    return "".join([_CROCKFORD_PAIRS[(number >> shift) & 1023] for shift in range(120, -1, -10)])


def short() -> str:
    return _random(6)


def event() -> str:
    """Each is greater than the one before, so that an index of them grows at its end."""
    number = _rising.next()
    pairs = []
    for _ in range(6):
        number, index = divmod(number, 3844)
        pairs.append(_PAIRS_IN_ORDER[index])
    pairs.reverse()
    return "".join(pairs)[1:]


def uuid4() -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def long() -> str:
    return _random(60)


def now() -> str:
    return second(int(time.time()))


def instant() -> str:
    """Now to the microsecond; as texts, too, it is later than its whole second and earlier than the next."""
    seconds, microseconds = divmod(time.time_ns() // 1000, 1_000_000)
    return f"{second(seconds)[:19]}.{microseconds:06}+00:00" if microseconds else second(seconds)


def cut(text: str) -> str:
    """The same time to the second."""
    return f"{text[:19]}{text[26:]}" if text[19:20] == "." else text


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


@lru_cache(maxsize=4096)
def second(at: float) -> str:
    """The same text as `moment` for seconds since 1970."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(at))


def _random(length: int) -> str:
    number = random.getrandbits(6 * length + 16)
    letters = []
    for _ in range(length):
        number, index = divmod(number, 62)
        letters.append(_ALPHANUMERIC[index])
    return "".join(letters)


class _Rising:
    """Numbers made of the time that never repeat, whatever the clock does."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1000 << 10)
            return self._last


_rising = _Rising()
