"""Wake-ups: messages that tell workers of work. Each may be lost, as the sweep finds the work a few seconds later."""

import logging
import math
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.db import connection as database
from django.db import transaction

from integrations import messaging

if TYPE_CHECKING:
    from kombu import Connection

BROKER_REST_SECONDS = 10.0
PATIENCE_SECONDS = 0.5
GOOD_FOR_SECONDS = 30.0  # a wake-up older than this is of no use: sweeps have come since

log = logging.getLogger(__name__)
_broker_rests_until = 0.0
_alarms: dict[int, float] = {}  # when to wake a worker for a connection
_alarms_change = threading.Condition()
_watch: threading.Thread | None = None


def on_commit(connection_id: int) -> None:
    """Wake a worker when the present transaction is committed; once, however much it queues."""
    planned = [hook[1] for hook in database.run_on_commit]  # (savepoints, hook, robust) in Django 5.2
    if not any(isinstance(hook, Wake) and hook.connection_id == connection_id for hook in planned):
        transaction.on_commit(Wake(connection_id))


@dataclass(frozen=True)
class Wake:
    """A hook that wakes a worker. A broker that is away costs a sweep's time, never the caller's."""

    connection_id: int

    def __call__(self) -> None:
        now(self.connection_id)


def now(connection_id: int, *, again: bool = False) -> None:
    """Tell a worker now; after a failure the broker is left in peace for a while.

    A wake-up that nobody has heard yet is enough, however much happens meanwhile; `again` sends one all the same.
    """
    global _broker_rests_until
    if time.monotonic() < _broker_rests_until or not (_is_first(connection_id) or again):
        return
    try:
        from kombu.pools import producers  # heavy

        with producers[_impatient()].acquire(block=True, timeout=PATIENCE_SECONDS) as producer:
            messaging.app().send_task(
                "integrations.tasks.drain",
                (connection_id,),
                producer=producer,
                retry=False,
                ignore_result=True,
                expires=GOOD_FOR_SECONDS,  # https://docs.celeryq.dev/en/stable/userguide/calling.html#expiration
                headers={"once": f"drain {connection_id}"},  # while workers are away one waits, the last
            )
    except Exception as error:
        _broker_rests_until = time.monotonic() + BROKER_REST_SECONDS
        log.warning("Workers could not be woken (%s); the next sweep finds the work.", type(error).__name__)


def _impatient() -> "Connection":
    """The broker's address with less patience than a worker has: whoever wakes may be a visitor's request."""
    broker = messaging.app().connection_for_write()
    hurry = {"socket_timeout": PATIENCE_SECONDS, "retry_on_timeout": False} if settings.REDIS_URL else {}
    return broker.clone(transport_options={**(broker.transport_options or {}), **hurry})


def heard(connection_id: int) -> None:
    """A worker is about to look: what happens from now on needs a wake-up of its own."""
    if settings.REDIS_URL:
        cache.delete(_flag(connection_id))


def stand_aside() -> None:
    """Send no more wake-ups from this process: it looks for its work by itself."""
    global _broker_rests_until
    _broker_rests_until = math.inf


def later(connection_id: int, wait: timedelta) -> None:
    """Tell a worker after a while, when a budget opens again; of several times for a connection the first counts."""
    global _watch
    at = time.monotonic() + wait.total_seconds()
    with _alarms_change:
        if at < _alarms.get(connection_id, math.inf):
            _alarms[connection_id] = at
            _alarms_change.notify()
        if _watch is None or not _watch.is_alive():
            _watch = threading.Thread(target=_ring_in_time, name="wake-ups", daemon=True)
            _watch.start()


def _ring_in_time() -> None:
    """One thread for however many wait; it ends when nobody does."""
    global _watch
    while True:
        with _alarms_change:
            if not _alarms:
                _watch = None
                return
            connection_id = min(_alarms, key=_alarms.__getitem__)
            left = _alarms[connection_id] - time.monotonic()
            if left > 0:
                _alarms_change.wait(left)
                continue
            del _alarms[connection_id]
        now(connection_id)


def _is_first(connection_id: int) -> bool:
    """Only workers that share a memory with us can say what they have heard."""
    # SET NX: one of many wins. https://redis.io/docs/latest/commands/set/
    return not settings.REDIS_URL or bool(cache.add(_flag(connection_id), 1, GOOD_FOR_SECONDS))


def _flag(connection_id: int) -> str:
    return f"woken:{connection_id}"
