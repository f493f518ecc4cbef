"""Workers and beat in one process, without a broker: what is due is found in the database, by looking.

The periodic jobs are those of CELERY_BEAT_SCHEDULE. A database or Redis that goes away for a while is waited for.
"""

import logging
import time
import traceback
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import Error, close_old_connections, connections
from redis import RedisError

from integrations import outbox, shutdown
from integrations.outbox import wake_ups
from integrations.workers import account_slots, worker

LOOKS_EVERY = 0.1
RESTS_AFTER_NOTHING = 0.5  # a connection where a turn has found nothing to do, such as one whose budget is used up
RESTS_AFTER_TROUBLE = 1.0

log = logging.getLogger(__name__)


class Server:
    """Threads that deliver, and what keeps them busy until somebody asks to stop."""

    def __init__(self, threads: int, only: int | None = None) -> None:
        self._pool = ThreadPoolExecutor(threads, "drain")
        self._threads = threads
        self._only = only
        self._at_work: dict[Future[None], int] = {}
        self._rests_until: dict[int, float] = {}
        self._jobs = _Jobs(self._pool)
        wake_ups.stand_aside()
        account_slots.there_are(threads)

    def run(self, *, is_endless: bool) -> None:
        """Until nothing is due; or, if endless, until this process is asked to stop. What is begun is finished."""
        try:
            while not shutdown.asked() and (self._turn(with_all=is_endless) or is_endless):
                self._wait()
        finally:
            self._pool.shutdown(cancel_futures=True)
            connections.close_all()

    @property
    def _has_room(self) -> bool:
        return len(self._at_work) < self._threads

    def _wait(self) -> None:
        """Until a thread is free, or it is time to look again."""
        if self._has_room:
            time.sleep(LOOKS_EVERY)
        else:
            wait([*self._at_work], RESTS_AFTER_TROUBLE, FIRST_COMPLETED)

    def _turn(self, *, with_all: bool) -> bool:
        """Give every free thread a connection that waits; whether there is anything left to do."""
        self._at_work = {future: pk for future, pk in self._at_work.items() if not future.done()}
        try:
            close_old_connections()
            is_healing = self._jobs.begin(only_sweeps=not with_all)
            due = self._due()
        except (Error, RedisError) as error:
            _is_away(error)
            return True
        for connection_id in due:
            if self._has_room and time.monotonic() >= self._rests_until.get(connection_id, 0):
                self._at_work[self._pool.submit(_careful, partial(self._drain, connection_id))] = connection_id
        return bool(due or self._at_work or is_healing)

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
                self._rests_until[connection_id] = time.monotonic() + RESTS_AFTER_NOTHING


class _Jobs:
    """What beat would ask for, each when its time has come and never twice at once."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        current_app.loader.import_default_modules()
        self._due_at: dict[str, float] = {}
        self._running: dict[str, Future[None]] = {}

    def begin(self, *, only_sweeps: bool) -> bool:
        """Begin those whose time has come; whether any is under way, which may find more to do."""
        for entry in settings.CELERY_BEAT_SCHEDULE.values():
            name, every = str(entry["task"]), entry["schedule"]
            running = self._running.get(name)
            is_wanted = not only_sweeps or name == "integrations.tasks.sweep"
            if is_wanted and time.monotonic() >= self._due_at.get(name, 0) and (running is None or running.done()):
                self._due_at[name] = time.monotonic() + _seconds(every)
                self._running[name] = self._pool.submit(_careful, current_app.tasks[name])
        return not all(running.done() for running in self._running.values())


def _careful(work: Callable[[], Any]) -> None:
    """Whatever goes wrong is said in a sentence, and costs nothing but this turn."""
    try:
        close_old_connections()
        work()
    except (Error, RedisError) as error:
        _is_away(error)
    except Exception as error:
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("Something went wrong at our side: %s\n%s", type(error).__name__, where)
    finally:
        close_old_connections()


def _is_away(error: Exception) -> None:
    what = "The database" if isinstance(error, Error) else "Redis"
    log.warning("%s does not answer (%s); it is tried again.", what, type(error).__name__)
    time.sleep(RESTS_AFTER_TROUBLE)


def _seconds(every: Any) -> float:
    return every.total_seconds() if isinstance(every, timedelta) else float(every)
