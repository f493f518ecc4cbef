"""How many of this process's workers are at one account: at most half, so that the others are never kept waiting."""

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
    """A slot at a connection while the block lasts; False when half of them are there already."""
    with _lock:
        is_free = _at_work[connection_id] < max(_slots // 2, 1)
        _at_work[connection_id] += is_free
    try:
        yield is_free
    finally:
        with _lock:
            _at_work[connection_id] -= is_free


def there_are(number: int) -> None:
    """How many workers this process has."""
    global _slots
    _slots = max(number, 1)


@signals.celeryd_after_setup.connect
def _as_celery_says(instance: Any = None, **_said: Any) -> None:
    there_are(int(getattr(instance, "concurrency", 0) or 1))
