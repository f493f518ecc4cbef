"""Where the time went of a benchmark that did not come to its end: processes, statements, deliveries, tables, waits."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import redis
from django.db import Error as DatabaseError
from django.db import close_old_connections
from django.db import connection as database

from tests.benchmarks.house import STATEMENTS, House

QUEUES = ("deliveries", "auth", "low")

QUESTIONS = {
    "Statements that took longest": f"""
        SELECT round(total_exec_time / 1000) || ' s', calls || ' calls',
            round(mean_exec_time::numeric, 1) || ' ms each',
            rows || ' rows', left(regexp_replace(query, '\\s+', ' ', 'g'), 160)
        FROM {STATEMENTS} ORDER BY total_exec_time DESC LIMIT 12
    """,
    "Statements that came most often": f"""
        SELECT calls || ' calls', round(total_exec_time / 1000) || ' s',
            left(regexp_replace(query, '\\s+', ' ', 'g'), 160)
        FROM {STATEMENTS} ORDER BY calls DESC LIMIT 8
    """,
    "Deliveries": """
        SELECT kind, state, count(*), 'made since ' || min(created_at)::time(0),
            'settled until ' || max(settled_at)::time(0)
        FROM integrations_delivery GROUP BY kind, state ORDER BY kind, state
    """,
    "Tables that were written to most": """
        SELECT relname, n_tup_ins || ' inserted', n_tup_upd || ' updated', n_tup_hot_upd || ' of them heap-only',
            n_tup_del || ' deleted', n_dead_tup || ' dead', seq_scan || ' scans',
            'vacuumed ' || last_autovacuum::time(0), 'analysed ' || last_autoanalyze::time(0)
        FROM pg_stat_user_tables ORDER BY n_tup_ins + n_tup_upd + n_tup_del DESC LIMIT 8
    """,
    "What PostgreSQL's sessions are at": """
        SELECT count(*), state, wait_event_type, wait_event, max(now() - xact_start),
            left(regexp_replace(max(query), '\\s+', ' ', 'g'), 100)
        FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'
        GROUP BY state, wait_event_type, wait_event ORDER BY count(*) DESC LIMIT 12
    """,
}


def of(house: House, began_at: float) -> str:
    """What can be found out, in lines; `began_at` is a time.monotonic(). It raises nothing."""
    return "\n".join([*_processes(house, max(time.monotonic() - began_at, 1.0)), *_messages(house), *_answers()])


def statements() -> str:
    """The statements that took longest, and those that came most often, alone."""
    return "\n".join(line for title in QUESTIONS if title.startswith("Statements") for line in _answer(title))


def _processes(house: House, seconds: float) -> Iterator[str]:
    load = ", ".join(f"{load:.0f}" for load in os.getloadavg())
    yield f"Processor time in {seconds:.0f} s on {os.cpu_count()} processors (load {load}):"
    for role, spent in sorted(house.times.read().items(), key=lambda one: -one[1]):
        yield f"  {role}: {spent:.0f} s, {spent / seconds:.0%} of one"
    yield f"  this process: {time.process_time():.0f} s"


def _messages(house: House) -> Iterator[str]:
    with suppress(redis.RedisError), redis.Redis.from_url(house.env["REDIS_URL"]) as client:
        lengths = ", ".join(f"{queue} {client.llen(f'sorae:{queue}')}" for queue in QUEUES)
        yield f"Messages that wait for workers: {lengths}."


def _answers() -> Iterator[str]:
    for title in QUESTIONS:
        yield from _answer(title)


def _answer(title: str) -> Iterator[str]:
    try:
        rows = _asked(QUESTIONS[title])
    except DatabaseError as error:
        rows = [(f"not known: {str(error).splitlines()[0]}",)]
    yield f"{title}:"
    for row in rows:
        yield "  " + " · ".join(str(value) for value in row if value is not None)


def _asked(question: str) -> list[tuple[Any, ...]]:
    close_old_connections()
    with database.cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall())
