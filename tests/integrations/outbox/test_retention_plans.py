"""Query plans of PostgreSQL: what is to be forgotten is found among tens of thousands of settled deliveries."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.models import Attempt, Connection, Delivery, Place
from integrations.outbox import retention

SETTLED, DUE = 60_000, 50

pytestmark = pytest.mark.skipif(database.vendor != "postgresql", reason="Query plans are PostgreSQL's.")


@pytest.fixture
def connection(transactional_db: None) -> Connection:
    """Much is settled and forgotten, some is settled and may be forgotten, little is due."""
    row = Connection.objects.create(provider="teapot", account_id="TEA", state=Connection.State.CONNECTED)
    with database.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO integrations_delivery
              (connection_id, kind, key, lane, source, subject, body, options, warnings, state, reason_code, reason,
               occurred_at, next_try_at, attempts_made, crashes, created_at, settled_at)
            SELECT %s, 'event', 'fact:' || n, '', '', CASE WHEN n %% 100 = 0 THEN 'ann@example.com' ELSE '' END,
                   '{}', '{}', '[]', CASE WHEN n %% 10 = 0 THEN 'confirmed' ELSE 'accepted' END, '', '',
                   t, t, 1, 0, t, t
            FROM (SELECT n, now() - interval '30 days' + n * interval '10 seconds' AS t FROM generate_series(1, %s) n) f
            """,
            [row.pk, SETTLED],
        )
    now = timezone.now()
    Delivery.objects.bulk_create(
        Delivery(connection=row, kind="event", key=f"due:{n}", subject="ben@example.com", occurred_at=now)
        for n in range(DUE)
    )
    Attempt.objects.bulk_create(
        Attempt(connection=row, operation="create_event", started_at=now - timedelta(days=n / 100))
        for n in range(20_000)
    )
    return row


@pytest.fixture(autouse=True)
def analysed(connection: Connection) -> None:
    with database.cursor() as cursor:
        cursor.execute("ANALYZE")


def plan(rows: "QuerySet[Any]") -> str:
    with database.cursor() as cursor:
        sql, parameters = rows.query.sql_with_params()
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {sql}", parameters)
        return "\n".join(row[0] for row in cursor.fetchall())


def test_forgetting_walks_its_own_index_past_what_is_forgotten_already(connection: Connection) -> None:
    for state in ("accepted", "confirmed"):
        said = plan(retention.to_forget(connection.pk, state)[: retention.AT_ONCE])
        assert "Index Scan using places_as_they_ended" in said, said
        assert "Sort" not in said, said
        assert "Rows Removed by Filter" not in said, said


def test_so_it_does_when_nothing_is_left_to_forget(connection: Connection) -> None:
    assert retention.forget()["deliveries"] > 0
    with database.cursor() as cursor:
        cursor.execute("ANALYZE integrations_delivery")
    assert retention.forget()["deliveries"] == 0
    said = plan(retention.to_forget(connection.pk, "accepted")[: retention.AT_ONCE])
    assert "Index Scan using places_as_they_ended" in said, said


def test_what_ended_lately_is_found_by_index_whether_it_names_a_person_or_not(connection: Connection) -> None:
    lately = {"is_named__in": Place.ANY_NAMED, "settled_at__gt": timezone.now() - timedelta(days=23, hours=4)}
    said = plan(Place.objects.filter(connection=connection, state__in=("accepted", "confirmed"), **lately).order_by())
    [condition] = [line for line in said.splitlines() if "Index Cond" in line]
    assert "is_named" in condition, said
    assert "settled_at" in condition, said


def test_no_query_of_a_run_reads_a_whole_table(connection: Connection) -> None:
    with CaptureQueriesContext(database) as captured:
        retention.forget()
    with database.cursor() as cursor:
        for query in captured:
            if query["sql"].startswith(("SELECT", "UPDATE", "DELETE")):
                cursor.execute(f"EXPLAIN {query['sql']}")
                said = "\n".join(row[0] for row in cursor.fetchall())
                for table in ("integrations_delivery", "integrations_place", "integrations_attempt"):
                    assert f"Seq Scan on {table} " not in said, query["sql"][:300] + "\n" + said
