"""Wakes workers up. Every message may be lost: the sweep finds the work, a few seconds later."""

import logging
import time
from dataclasses import dataclass

from celery import current_app
from django.db import connection as database
from django.db import transaction

BROKER_REST_SECONDS = 10.0
GOOD_FOR_SECONDS = 30.0  # a wake-up older than this is of no use: sweeps have come since

log = logging.getLogger(__name__)
_broker_rests_until = 0.0


def on_commit(connection_id: int) -> None:
    """Wake a worker when the present transaction is committed; once, however much it queues."""
    planned = [hook[1] for hook in database.run_on_commit]
    if not any(isinstance(hook, Wake) and hook.connection_id == connection_id for hook in planned):
        transaction.on_commit(Wake(connection_id))


@dataclass(frozen=True)
class Wake:
    """Tells a worker that there is something to do. A broker that is away costs a sweep's time, never the caller's."""

    connection_id: int

    def __call__(self) -> None:
        now(self.connection_id)


def now(connection_id: int) -> None:
    """Tell a worker now; after a failure the broker is left in peace for a while."""
    global _broker_rests_until
    if time.monotonic() < _broker_rests_until:
        return
    try:
        current_app.send_task(
            "integrations.tasks.drain", (connection_id,), retry=False, ignore_result=True, expires=GOOD_FOR_SECONDS
        )
    except Exception as error:
        _broker_rests_until = time.monotonic() + BROKER_REST_SECONDS
        log.warning("Workers could not be woken (%s); the next sweep finds the work.", type(error).__name__)
