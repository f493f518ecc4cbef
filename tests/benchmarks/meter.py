"""What a stretch of a benchmark costs: processor time by process, write-ahead log, statements, and rows written."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import close_old_connections
from django.db import connection as database

from tests.benchmarks.figures import Figure
from tests.benchmarks.house import STATEMENTS, House
from tests.benchmarks.processor_time import Seconds

OURS = ("queueing", "backfill", "worker", "beat", "PostgreSQL")  # what an installation pays for a fact
ROWS = {"n_tup_ins": "inserted", "n_tup_upd": "updated", "n_tup_hot_upd": "updated, heap-only", "n_tup_del": "deleted"}
# A backend that has nothing to do tells of its rows after ten seconds at the latest (PGSTAT_IDLE_INTERVAL):
# https://www.postgresql.org/docs/current/monitoring-stats.html
ROWS_SHOW_AFTER = 11.0


@dataclass
class Cost:
    """Seconds by role, bytes, and numbers.

    `statements` and `rows` are None where nobody counted them, or where PostgreSQL forgot them by a crash.
    """

    seconds: Seconds = field(default_factory=dict)
    wal: int = 0
    statements: int | None = 0
    rows: "Counter[str] | None" = field(default_factory=Counter)
    took: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        known = self.statements is not None and other.statements is not None
        return Cost(
            {role: self.of(role) + other.of(role) for role in self.seconds | other.seconds},
            self.wal + other.wal,
            (self.statements or 0) + (other.statements or 0) if known else None,
            self.rows + other.rows if self.rows is not None and other.rows is not None else None,
            self.took + other.took,
        )

    @property
    def ours(self) -> float:
        """Seconds of our own processes and of PostgreSQL."""
        return self.of(*OURS)

    def of(self, *roles: str) -> float:
        return sum(self.seconds.get(role, 0.0) for role in roles)

    def figures(self, facts: int, label: str = "", *, most_bytes: float | None = None) -> list[Figure]:
        """By the thousand facts, and by the fact."""
        if not facts:
            return []
        told = [
            Figure(f"CPU s per 1,000, {role}{label}", 1_000 * seconds / facts)
            for role, seconds in sorted(self.seconds.items())
            if seconds >= 0.01
        ]
        told.append(Figure(f"CPU s per 1,000, ours and PostgreSQL{label}", 1_000 * self.ours / facts))
        mark: Any = {"must_be": "at most", "mark": most_bytes} if most_bytes else {}
        told.append(Figure(f"write-ahead log per fact in bytes{_with_images()}{label}", self.wal / facts, **mark))
        if self.statements is not None:
            told.append(Figure(f"{_counted()} per fact{label}", self.statements / facts))
        if self.rows is not None:
            told += [Figure(f"rows {name} per fact{label}", self.rows[name] / facts) for name in ROWS.values()]
        return told


@contextmanager
def of(house: House, role: str = "", *, with_rows: bool = True) -> Iterator[Cost]:
    """The cost of the block. `role` is what our own process does meanwhile, if that counts.

    Rows are known a while later, so this waits for them after the block, and counts nothing else of that time.
    """
    cost = Cost()
    up_since, rows = _up_since(), _rows() if with_rows else Counter[str]()
    began_at, own = time.monotonic(), time.process_time()
    wal, statements, seconds = _wal(), _statements(), house.times.read()
    yield cost
    close_old_connections()  # PostgreSQL may have crashed meanwhile
    cost.took, own = time.monotonic() - began_at, time.process_time() - own
    cost.seconds = _more(house.times.read(), seconds)
    if role:
        cost.seconds[role] = cost.of(role) + own
    cost.statements, cost.wal = _statements() - statements, _wal() - wal
    if with_rows:
        time.sleep(ROWS_SHOW_AFTER)
        cost.rows = _rows() - rows
    else:
        cost.rows = None
    if _up_since() != up_since:
        cost.statements = cost.rows = None


def _more(now: Seconds, before: Seconds) -> Seconds:
    return {role: seconds - before.get(role, 0.0) for role, seconds in now.items()}


def _wal() -> int:
    """https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-ADMIN-BACKUP"""
    return int(_ask("SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])


def _statements() -> int:
    """How many PostgreSQL has carried out, or transactions where the module that counts them is not installed."""
    if can_count_statements():
        return int(_ask(f"SELECT sum(calls) FROM {STATEMENTS}")[0][0] or 0)
    return int(_ask("SELECT sum(xact_commit + xact_rollback) FROM pg_stat_database")[0][0])


def _up_since() -> object:
    return _ask("SELECT pg_postmaster_start_time()")[0][0]


def can_count_statements() -> bool:
    loaded = STATEMENTS in str(_ask("SHOW shared_preload_libraries")[0][0])
    if loaded:
        _ask(f"CREATE EXTENSION IF NOT EXISTS {STATEMENTS}")
    return loaded


def _rows() -> Counter[str]:
    """https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW"""
    sums = ", ".join(f"sum({column})" for column in ROWS)
    _ask("SELECT pg_stat_force_next_flush()")
    [found] = _ask(f"SELECT {sums} FROM pg_stat_user_tables WHERE relname NOT LIKE 'bare%'")
    return Counter({name: int(many or 0) for name, many in zip(ROWS.values(), found, strict=True)})


def _with_images() -> str:
    is_on = _ask("SHOW full_page_writes")[0][0] == "on"
    return ", with page images" if is_on else ""


def _counted() -> str:
    return "statements" if can_count_statements() else "transactions"


def _ask(question: str) -> list[tuple[Any, ...]]:
    with database.cursor() as cursor:
        cursor.execute(question)
        return list(cursor.fetchall()) if cursor.description else []
