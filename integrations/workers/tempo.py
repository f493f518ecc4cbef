"""Tempo: on a slow day a worker takes less at a time and calls no others to help, so that leases hold.

What a batch of a kind took at an account decides how large the next one is, in this process; the first is no larger
than START.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

SLOW_SECONDS, QUICK_SECONDS = 10.0, 4.0  # a lease is six times the first
START, LEAST = 1_000, 25
ONE_BY_ONE = ""  # the sort of a batch of any kinds

_lock = threading.Lock()
_most: dict[tuple[int, str], int] = {}
_slow: set[tuple[int, str]] = set()


def most(connection_id: int, kind: str, allowed: int) -> int:
    """How many to take now, of as many as are allowed."""
    return min(_most.get((connection_id, kind), START), allowed)


def is_slow(connection_id: int, kind: str) -> bool:
    """Whether the last batch took so long that the next is smaller."""
    return (connection_id, kind) in _slow


@contextmanager
def of(connection_id: int, kind: str, size: int, allowed: int) -> Iterator[None]:
    """Measure the work on a batch of so many."""
    began_at = monotonic()
    try:
        yield
    finally:
        _note(connection_id, kind, size, allowed, monotonic() - began_at)


def forget() -> None:
    """Begin anew, as a process that has measured nothing yet."""
    with _lock:
        _most.clear()
        _slow.clear()


def _note(connection_id: int, kind: str, size: int, allowed: int, seconds: float) -> None:
    which = (connection_id, kind)
    with _lock:
        now = most(connection_id, kind, allowed)
        if seconds > SLOW_SECONDS:
            _most[which] = max(size // 2, LEAST)
            _slow.add(which)
        elif seconds < QUICK_SECONDS:
            _slow.discard(which)
            if size >= now:  # what was not full says nothing of a larger one
                _most[which] = min(2 * now, allowed)
