"""A queue of 200,000: whatever looks for work touches few rows, however old PostgreSQL's statistics are."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from integrations import outbox, pauses
from integrations.connections import leaving
from integrations.models import Connection, Leaving
from integrations.outbox import days
from integrations.outbox.due import BY_INDEX
from integrations.pauses import by_hand
from integrations.workers import batches, worker
from tests.integrations.kettle import Kettle, connected

pytestmark = pytest.mark.skipif(database.vendor != "postgresql", reason="Query plans are PostgreSQL's.")

WAITING = 200_000
BOUND = 25_000  # rows touched by one statement: what a claim looks at, at most, behind others in their lanes
NEARLY_NONE = 2_500  # where nothing stands in the way

FILL = """
    INSERT INTO integrations_place
      (delivery_id, connection_id, kind, state, is_alone, lane, next_try_at, is_named)
    SELECT n, %s, 'event', 'queued', false, {lane}, now() - interval '1 hour' + n * interval '1 millisecond', true
    FROM generate_series(1, %s) AS n
"""
FIRST = """
    INSERT INTO integrations_delivery
      (id, connection_id, kind, key, lane, source, subject, body, options, warnings, state, reason_code, reason,
       occurred_at, next_try_at, attempts_made, shared_tries, crashes, created_at)
    SELECT n, %s, 'event', 'fact:' || n, '', '', 'ann@example.com', '{}', '{}', '[]', 'queued', '', '',
           now(), now(), 0, 1, 0, now()
    FROM generate_series(1, %s) AS n
"""
LANES = {"no lanes": "''", "a lane each": "'lane ' || n", "two in a lane": "'lane ' || n / 2"}
STATISTICS = ("absent", "old", "fresh")

Fill = Callable[[str, str], None]


@pytest.fixture
def account(transactional_db: None, kettle: Kettle) -> Connection:
    return connected("A1")


@pytest.fixture
def fill(account: Connection) -> Iterator[Fill]:
    """Places, which are all that is looked at, and deliveries for the first of them; statistics as they may be."""

    def so_many(lane: str, statistics: str) -> None:
        with database.cursor() as cursor:
            cursor.execute("ALTER TABLE integrations_place SET (autovacuum_enabled = off)")
            if statistics == "old":
                cursor.execute("ANALYZE integrations_place")
            cursor.execute(FILL.format(lane=lane), [account.pk, WAITING])
            cursor.execute(FIRST, [account.pk, 5_000])
            if statistics == "fresh":
                cursor.execute("ANALYZE integrations_place")

    yield so_many
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE integrations_place RESET (autovacuum_enabled)")
        cursor.execute("TRUNCATE integrations_place")


def looks(account: Connection) -> list[tuple[str, bool]]:
    """Every statement of a heal, a tidy, a worker's round that finds out what it may claim, and the like; whether by
    index.
    """
    with CaptureQueriesContext(database) as captured:
        worker.heal()
        worker.tidy()
        outbox.is_well_served(account.pk)
        assert [len(batch) for batch, _ in batches.batches(account) if batch] == [9]  # the newest has no delivery
        pauses.throttle(account, "event", outbox.FRESH)
        outbox.connections_with_work()
        Leaving.objects.create(connection=account, upto=WAITING, number=WAITING, ends_at=by_hand.FOR_GOOD)
        assert leaving.leave_due() == 0
        assert days.count() == 1
        by_hand.begin(account, User(username="ann"))
        assert [batch for batch, _ in batches.batches(account) if batch] == []
        outbox.connections_with_work()
    found, is_by_index = [], False
    for query in captured:
        is_by_index = (is_by_index or BY_INDEX in query["sql"]) and query["sql"] != "COMMIT"
        if "integrations_place" in query["sql"]:
            found.append((query["sql"], is_by_index))
    return found


def touched(statement: str, is_by_index: bool) -> tuple[int, str]:
    """How many rows it reads and how, by its plan as it was carried out; what it writes is taken back."""
    with transaction.atomic(), database.cursor() as cursor:
        if is_by_index:
            cursor.execute(BY_INDEX)
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}")
        plan = cursor.fetchone()[0][0]["Plan"]
        transaction.set_rollback(True)
    return _rows(plan), ", ".join(_scans(plan))


def _scans(node: dict[str, Any]) -> list[str]:
    words = " ".join(str(node.get(name, "")) for name in ("Node Type", "Index Name", "Index Cond"))
    mine = [words] if "Scan" in node["Node Type"] else []
    return mine + [name for one in node.get("Plans", ()) for name in _scans(one)]


def _rows(node: dict[str, Any]) -> int:
    below = sum(_rows(one) for one in node.get("Plans", ()))
    if "Scan" not in node["Node Type"] or node["Node Type"] in ("CTE Scan", "Subquery Scan"):
        return below
    filtered = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return below + int((node["Actual Rows"] + filtered) * node["Actual Loops"])


@pytest.mark.parametrize(
    ("lane", "statistics", "jit"),
    [(lane, known, "on") for lane in LANES for known in STATISTICS] + [("no lanes", "fresh", "off")],
)
def test_no_look_walks_through_the_queue(account: Connection, fill: Fill, lane: str, statistics: str, jit: str) -> None:
    fill(LANES[lane], statistics)
    with database.cursor() as cursor:
        cursor.execute(f"SET jit = {jit}; SET jit_above_cost = 0")
    try:
        counted = {statement: touched(statement, is_by_index) for statement, is_by_index in looks(account)}
    finally:
        with database.cursor() as cursor:
            cursor.execute("RESET jit; RESET jit_above_cost")
    assert len(counted) > 8
    bound = NEARLY_NONE if lane == "no lanes" else BOUND
    far = [(rows, how, statement[-900:]) for statement, (rows, how) in counted.items() if rows > bound]
    assert far == []
