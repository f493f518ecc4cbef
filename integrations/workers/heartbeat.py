"""Heartbeat: while this process works, the leases of what it works on are taken anew, all in one statement.

So a lease may be short, and what a dead worker held is noticed within seconds. A batch at which nothing has happened
for longer than a request may take is no longer kept: its worker may be stuck.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import signals
from django.db import Error, close_old_connections, connection

from integrations.outbox import leasing

EVERY_SECONDS = 4.0

log = logging.getLogger(__name__)
_ended = threading.Event()


def begin() -> threading.Thread:
    """Beat from now on, until the process ends or `beating` is over."""
    _ended.clear()
    leasing.be_kept(True)
    thread = threading.Thread(target=_beat, name="heartbeat", daemon=True)
    thread.start()
    return thread


@contextmanager
def beating() -> Iterator[None]:
    """Beat while the block lasts."""
    thread = begin()
    try:
        yield
    finally:
        leasing.be_kept(False)
        _ended.set()
        thread.join()


@signals.worker_ready.connect  # https://docs.celeryq.dev/en/stable/userguide/signals.html#worker-ready
def _of_a_celery_worker(**_said: Any) -> None:
    begin()


def _beat() -> None:
    try:
        while not _ended.wait(EVERY_SECONDS):
            try:
                close_old_connections()
                leasing.keep_those_at_work()
            except Error as error:
                log.warning("Leases could not be kept (%s); it is tried again.", type(error).__name__)
                connection.close()
    finally:
        connection.close()
