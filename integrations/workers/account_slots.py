"""A bulkhead: at most half of this process's workers are at one account, so that the others are never kept waiting.

A quarter is left for accounts that nobody is at, however many others are busy or slow.
"""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import signals

_lock = threading.Lock()
_at_work: Counter[int] = Counter()
_slots = 1


@contextmanager
def one(connection_id: int) -> Iterator[bool]:
    """A slot at a connection while the block lasts; False when it has its part of them already."""
    with _lock:
        is_free = _has_room(_at_work[connection_id])
        _at_work[connection_id] += is_free
    try:
        yield is_free
    finally:
        with _lock:
            _at_work[connection_id] -= is_free


def _has_room(there: int) -> bool:
    """Whether one more may go where so many are already; where nobody is, always."""
    left = _slots - _at_work.total() - 1
    return there == 0 or (there < _slots // 2 and left >= _slots // 4)


def there_are(number: int) -> None:
    """How many workers this process has."""
    global _slots
    _slots = max(number, 1)


@signals.celeryd_after_setup.connect  # https://docs.celeryq.dev/en/stable/userguide/signals.html#celeryd-after-setup
def _as_celery_says(instance: Any = None, **_said: Any) -> None:
    there_are(int(getattr(instance, "concurrency", 0) or 1))
