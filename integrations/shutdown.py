"""Graceful shutdown: once this process is asked to end nothing new is begun, and what is under way is finished.

A worker's threads share the memory of the process that gets the signal; children of a prefork pool would not.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)

_is_asked = False  # no Event: its lock could be held by the very thread that a signal interrupts


def asked() -> bool:
    return _is_asked


@contextmanager
def on_signals() -> Iterator[None]:
    """While the block lasts, SIGTERM and SIGINT ask this process to end; a second one ends it at once."""
    global _is_asked
    before = {number: signal.signal(number, _hear) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _is_asked = False


def ask(**_said: Any) -> None:
    """From here on `asked` is true, for every thread."""
    global _is_asked
    _is_asked = True


def _hear(number: int, _frame: Any) -> None:
    signal.signal(number, signal.SIG_DFL)
    ask()
