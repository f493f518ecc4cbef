"""Heartbeat of whoever reads a source: its lease is taken anew, however long the source says nothing."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import Error, connection
from django.db.models.functions import Now

from klaviyo.models import SyncRun

LEASE, EVERY_SECONDS = timedelta(seconds=30), 5.0

log = logging.getLogger(__name__)


@contextmanager
def beating(run: SyncRun, attempt: int) -> Iterator[threading.Event]:
    """While the block lasts. The event is set when the attempt is no longer the one that counts."""
    ended, lost = threading.Event(), threading.Event()
    thread = threading.Thread(target=_beat, args=(run.pk, attempt, ended, lost), name="sync-heartbeat", daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        ended.set()
        thread.join()


def _beat(run: int, attempt: int, ended: threading.Event, lost: threading.Event) -> None:
    """By a connection of its own, as the reader's may be busy: each thread of Django has one.

    https://docs.djangoproject.com/en/5.2/ref/databases/#caveats
    """
    try:
        while not ended.wait(EVERY_SECONDS):
            try:
                mine = SyncRun.objects.filter(pk=run, attempt=attempt, state=SyncRun.State.READING)
                if not mine.update(lease_until=Now() + LEASE, worked_at=Now()):
                    lost.set()
            except Error as error:
                log.warning("The lease of a reader could not be kept (%s).", type(error).__name__)
                connection.close()
    finally:
        connection.close()
