"""Baselines of the same run: a bare insert with its commit, a bare request, and the official client's task."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import requests
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from tests.benchmarks import crew, meter, plain_requests
from tests.benchmarks.figures import Figure, percentile, say
from tests.benchmarks.house import House

INSERTS, REQUESTS, TASKS = 200, 50, 20
BODY = '{"data": {"type": "event", "attributes": {"properties": {"campaign": "spring", "note": "' + 600 * "x" + '"}}}}'


@dataclass(frozen=True)
class Baseline:
    """Medians in ms; CPU seconds of a thousand inserts, and of a thousand tasks of the client in its own process."""

    insert_ms: float
    request_ms: float
    task_ms: float
    of_inserts: float
    of_tasks: float

    @property
    def pair_ms(self) -> float:
        """A bare insert with its commit, and a bare request."""
        return self.insert_ms + self.request_ms

    def figures(self) -> list[Figure]:
        return [
            Figure("bare insert and commit in ms, p50", self.insert_ms),
            Figure("bare request in ms, p50", self.request_ms),
            Figure("official client's task in ms, p50", self.task_ms),
            Figure("CPU s per 1,000 bare inserts", self.of_inserts),
            Figure("CPU s per 1,000 tasks of the official client", self.of_tasks),
        ]


_of_house: dict[str, Baseline] = {}


def of(house: House, *, is_quick: bool = False) -> Baseline:
    """Measured when it is first asked for, while nobody else is at work; fewer of each when quick."""
    if house.spare not in _of_house:
        _of_house[house.spare] = _measured(house, is_quick)
    return _of_house[house.spare]


def _measured(house: House, is_quick: bool) -> Baseline:
    share = 4 if is_quick else 1
    say("Measuring a bare insert, a bare request, and the official client.")
    with pairs(house) as (insert, request):
        insert()
        request()
        with meter.of(house, "host", with_rows=False) as of_inserts:
            inserts = [ms(insert) for _ in range(INSERTS // share)]
        asked = [ms(request) for _ in range(REQUESTS // share)]
    [of_tasks] = crew.answers(crew.send(_of_client(house), 1, "baseline", "client_tasks", TASKS // share))
    return Baseline(
        percentile(inserts, 0.5),
        percentile(asked, 0.5),
        percentile(of_tasks["ms"], 0.5),
        1_000 * of_inserts.of("host", "PostgreSQL") / len(inserts),
        1_000 * of_tasks["cpu"] / len(of_tasks["ms"]),
    )


@contextmanager
def pairs(house: House) -> Iterator[tuple[Callable[[], Any], Callable[[], Any]]]:
    """A bare insert with its commit, and a bare request that tells the spare account of an event."""
    with database.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, body jsonb NOT NULL)")
    with requests.Session() as session:
        session.headers.update(plain_requests.headers(house.klaviyo.connect(house.spare)))
        numbers = iter(range(1_000_000_000))
        began_at, now = time.time_ns(), timezone.now().isoformat()

        def insert() -> None:
            with transaction.atomic(), database.cursor() as cursor:
                cursor.execute("INSERT INTO bare (body) VALUES (%s)", [BODY])

        def request() -> None:
            body = plain_requests.event("bare@example.com", f"bare-{began_at}-{next(numbers)}", now)
            session.post(f"{house.klaviyo.url}/api/events", json=body, timeout=30).raise_for_status()

        yield insert, request


def client_tasks(number: int) -> dict[str, Any]:
    """So many tasks of the official client, one after the other: ms of each, and the process's own seconds."""
    from tests.benchmarks import peer_tasks  # which imports the client; that takes seconds

    now = timezone.now().isoformat()
    peer_tasks.tell_by_sdk("first@example.com", "first", now)
    began_at = time.process_time()
    spent = [ms(partial(peer_tasks.tell_by_sdk, f"bare-{n}@example.com", f"task-{n}", now)) for n in range(number)]
    return {"ms": spent, "cpu": time.process_time() - began_at}


def ms(act: Callable[[], Any]) -> float:
    began_at = time.perf_counter()
    act()
    return 1_000 * (time.perf_counter() - began_at)


def _of_client(house: House) -> House:
    own = {"PEER_KLAVIYO": house.klaviyo.url, "PEER_TOKEN": house.klaviyo.connect(house.spare)}
    return replace(house, env=house.env | own)
