"""Tempo: on a slow day a worker takes less at a time and calls no others to help, so that leases hold.

What a batch of a kind took at an account decides how large the next one is, in this process.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

SLOW_SECONDS, QUICK_SECONDS = 10.0, 4.0  # a lease is six times the first
LEAST = 25

_lock = threading.Lock()
_most: dict[tuple[int, str], int] = {}


def most(connection_id: int, kind: str, allowed: int) -> int:
    """How many to take now, of as many as are allowed."""
    return min(_most.get((connection_id, kind), allowed), allowed)


def is_slow(connection_id: int, kind: str) -> bool:
    """Whether the last batch took so long that the next is smaller than it may be."""
    return (connection_id, kind) in _most


@contextmanager
def of(connection_id: int, kind: str, size: int, allowed: int) -> Iterator[None]:
    """Measure the work on a batch of so many."""
    began_at = monotonic()
    try:
        yield
    finally:
        _note(connection_id, kind, size, allowed, monotonic() - began_at)


def _note(connection_id: int, kind: str, size: int, allowed: int, seconds: float) -> None:
    which = (connection_id, kind)
    with _lock:
        if seconds > SLOW_SECONDS:
            _most[which] = max(size // 2, LEAST)
        elif seconds < QUICK_SECONDS and which in _most:
            _most[which] *= 2
            if _most[which] >= allowed:
                del _most[which]
