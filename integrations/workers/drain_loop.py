"""A worker and a scheduler in one process, without a broker: what is due is found in the database, by looking.

A database or Redis that goes away for a while is waited for.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial

from django.conf import settings
from django.db import Error, close_old_connections, connections
from redis import RedisError

from integrations import errors, messaging, outbox, shutdown
from integrations.outbox import wake_ups
from integrations.workers import account_slots, heartbeat, worker

LOOKS_EVERY = 0.1
RESTS_AFTER_NOTHING = 0.5  # a connection where a turn has found nothing to do, such as one whose budget is used up
RESTS_AFTER_TROUBLE = 1.0
SWEEPS = ("integrations.tasks.sweep", "integrations.tasks.tidy")

log = logging.getLogger(__name__)


class DrainLoop:
    """A pool of threads, and the work of each: a periodic task by its name, or a connection by its id.

    Endless, it does all that beat would ask for; else only sweeps.
    """

    def __init__(self, threads: int, only: int | None = None, *, is_endless: bool) -> None:
        self._threads, self._only, self._is_endless = threads, only, is_endless
        self._pool = ThreadPoolExecutor(threads, "drain")
        self._at_work: dict[Future[None], str | int] = {}
        self._not_before: dict[str | int, float] = {}
        messaging.app().loader.import_default_modules()
        wake_ups.stand_aside()
        account_slots.there_are(threads)

    def run(self) -> None:
        """Deliver until nothing is due or, if endless, until asked to stop. What is begun is finished."""
        with heartbeat.beating():
            try:
                while not shutdown.asked() and (self._turn() or self._is_endless):
                    self._wait()
            finally:
                self._pool.shutdown(cancel_futures=True)
                connections.close_all()

    def _turn(self) -> bool:
        """Begin what is due, as far as threads are free; whether there is anything left to do."""
        self._at_work = {future: what for future, what in self._at_work.items() if not future.done()}
        self._begin_periodic_tasks()
        try:
            close_old_connections()
            due = self._due()
        except (Error, RedisError) as error:
            _is_away(error)
            return True
        for connection_id in due:
            if self._has_room:
                self._begin(connection_id, partial(self._drain, connection_id))
        return bool(due or self._at_work)

    def _wait(self) -> None:
        """Until a thread is free, or it is time to look again."""
        if self._has_room:
            time.sleep(LOOKS_EVERY)
        else:
            wait([*self._at_work], RESTS_AFTER_TROUBLE, FIRST_COMPLETED)

    def _begin_periodic_tasks(self) -> None:
        """Each when its time has come, and never twice at once."""
        for name, every in settings.PERIODIC_TASKS.items():
            if (self._is_endless or name in SWEEPS) and name not in self._at_work.values():
                self._begin(name, messaging.app().tasks[name], again_after=every.total_seconds())

    def _due(self) -> list[int]:
        """The least recently served first, and those that a thread is at already behind all others."""
        due = [pk for pk in outbox.connections_with_work() if self._only in (None, pk)]
        return sorted(due, key=lambda pk: list(self._at_work.values()).count(pk))

    def _drain(self, connection_id: int) -> None:
        began = time.monotonic()
        try:
            worker.drain(connection_id)
        finally:
            if time.monotonic() - began < LOOKS_EVERY:
                self._not_before[connection_id] = time.monotonic() + RESTS_AFTER_NOTHING

    @property
    def _has_room(self) -> bool:
        """Whether one more account may be begun with; periodic tasks wait in line with them, and keep none out."""
        return sum(isinstance(what, int) for what in self._at_work.values()) < self._threads

    def _begin(self, what: str | int, work: Callable[[], object], *, again_after: float = 0.0) -> None:
        """Hand work to a thread, if its time has come."""
        if time.monotonic() >= self._not_before.get(what, 0):
            self._not_before[what] = time.monotonic() + again_after
            self._at_work[self._pool.submit(_careful, work)] = what


def _careful(work: Callable[[], object]) -> None:
    """Whatever goes wrong is said in a sentence, and costs nothing but this turn."""
    try:
        close_old_connections()  # Django 5.2 does it at a request's begin and end only
        work()
    except (Error, RedisError) as error:
        _is_away(error)
    except Exception as error:
        log.error("Something went wrong at our side: %s", errors.without_message(error))
    finally:
        close_old_connections()


def _is_away(error: Exception) -> None:
    what = "The database" if isinstance(error, Error) else "Redis"
    log.warning("%s does not answer (%s); it is tried again.", what, type(error).__name__)
    time.sleep(RESTS_AFTER_TROUBLE)
