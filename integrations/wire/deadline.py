"""Deadlines: sockets that keep one time-out for a whole exchange, from connecting to the end of the body.

A socket's time-out is for one read, and so is that of requests: an answer that drips a byte at a time would hold a
worker for ever (https://requests.readthedocs.io/en/latest/user/quickstart/#timeouts).
"""

import io
import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SENT_AT_ONCE = 16 * 1024  # a TLS record (RFC 8446, 5.1); the time-out of a TLS socket is for one


class Deadline:
    """A moment by which all must be over, by the monotonic clock: over waiting, requests, and pauses between them."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        """Seconds; 0 when it is over."""
        return max(self._ends_at - time.monotonic(), 0.0)

    @property
    def is_over(self) -> bool:
        return not self.left


class _OfThread(threading.local):
    ends_at = math.inf
    most_silence = math.inf
    given: Deadline | None = None


_of_thread = _OfThread()


@contextmanager
def keeping(deadline: Deadline | None) -> Iterator[None]:
    """Let what this thread asks in the block take no longer than until this deadline."""
    before, _of_thread.given = _of_thread.given, deadline
    try:
        yield
    finally:
        _of_thread.given = before


def left_of(seconds: float) -> float:
    """So many seconds, or what is left until the deadline where that is less; never 0, which is no time-out at all."""
    return max(min(seconds, _of_thread.given.left), 0.001) if _of_thread.given else seconds


@contextmanager
def within(seconds: float, silence: float) -> Iterator[None]:
    """Give what this thread does on these connections so much time as a whole, and so much for each silence."""
    _of_thread.ends_at, _of_thread.most_silence = time.monotonic() + left_of(seconds), silence
    try:
        yield
    finally:
        _of_thread.ends_at = _of_thread.most_silence = math.inf


def wait_no_longer(connection: socket.socket) -> None:
    """Let the next step on a socket take no more than what is left. Raises TimeoutError when nothing is."""
    left = _of_thread.ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("The exchange took too long as a whole.")
    longest = min(left, _of_thread.most_silence)
    connection.settimeout(longest if longest < math.inf else None)


class Reader(io.RawIOBase):
    """Reads a socket; each read waits no longer than what is left."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        wait_no_longer(self._socket)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
