"""The ladder of health: the first broken rung is the headline, and the database alone answers."""

import uuid
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from integrations import pauses, providers
from integrations.models import Attempt, Connection, Delivery, HealthCheck
from integrations.pages import charts, figures, health
from integrations.pages.charts import Hour
from integrations.providers import Provider, Scope

State = Delivery.State
NOW = timezone.now


@pytest.fixture
def tea_room(db: None, provider: Provider) -> Connection:
    return a_connection("A1")


def a_connection(account: str, **fields: Any) -> Connection:
    known = {"state": Connection.State.CONNECTED, "scopes": "tea:read tea:write", "refreshed_at": NOW()}
    return Connection.objects.create(
        provider="teapot", account_id=account, account_name=f"Room {account}", **known | fields
    )


def told(connection: Connection, state: Delivery.State, count: int = 1, **fields: Any) -> None:
    settled = None if state in Delivery.OPEN else NOW()
    known = {"kind": "event", "occurred_at": NOW(), "state": state, "settled_at": settled, "attempts_made": 1}
    Delivery.objects.bulk_create(
        Delivery(connection=connection, key=str(uuid.uuid4()), **known | fields) for _ in range(count)
    )


def asked(connection: Connection, status: int, count: int) -> None:
    Attempt.objects.bulk_create(
        Attempt(connection=connection, operation="brew", started_at=NOW(), finished_at=NOW(), status=status)
        for _ in range(count)
    )


def headline(connection: Connection) -> tuple[str, str]:
    found = health.of(Connection.objects.get(pk=connection.pk))
    return found.level, found.headline


def test_a_connection_without_a_problem_works(tea_room: Connection) -> None:
    HealthCheck.objects.create(connection=tea_room, passed=True)
    told(tea_room, State.ACCEPTED)
    found = health.of(tea_room)
    assert (found.level, found.headline) == ("good", "Works")
    assert [rung.state for rung in found.rungs] == ["ok"] * 7 + ["unknown"]


def test_what_nobody_knows_yet_is_not_called_broken(tea_room: Connection) -> None:
    states = {rung.name: rung.state for rung in health.of(tea_room).rungs}
    assert states["Right account"] == states["Delivering"] == "unknown"
    assert headline(tea_room) == ("good", "Works")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"state": "reconnect", "problem": "The provider refused us."}, ("bad", "Reconnect")),
        ({"state": "undecided"}, ("bad", "Decide")),
        ({"state": "disconnected"}, ("off", "Disconnected")),
        ({"state": "disconnecting"}, ("off", "Disconnecting")),
        ({"refresh_failures": 2, "refresh_problem": "No answer."}, ("warn", "Renewal fails")),
        ({"scopes": "tea:read"}, ("bad", "Scopes missing")),
    ],
)
def test_the_connection_itself_breaks_a_rung(
    provider: Provider, db: None, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert headline(a_connection("A1", **fields)) == expected


def test_missing_scopes_are_named(tea_room: Connection) -> None:
    tea_room.scopes = "tea:read"
    broken = health.of(tea_room).broken
    assert broken is not None
    assert "tea:write" in broken.sentence


def test_scopes_are_counted_as_the_page_lists_them(tea_room: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    [told] = [rung.sentence for rung in health.of(tea_room).rungs if rung.name == "Scopes complete"]
    assert told == "2 of 2 granted."
    optional = replace(
        providers.get("teapot"), scopes=(*providers.get("teapot").scopes, Scope("tea:sip", "taste", True))
    )
    monkeypatch.setitem(providers._registered, "teapot", optional)
    [told] = [rung.sentence for rung in health.of(tea_room).rungs if rung.name == "Scopes complete"]
    assert told == "2 of 3 granted. Optional, and not granted: tea:sip."
    assert headline(tea_room) == ("good", "Works")


def test_another_account_is_the_headline_even_when_the_queue_is_late_too(tea_room: Connection) -> None:
    HealthCheck.objects.create(connection=tea_room, passed=False, code="another_account", sentence="It is Ben's.")
    told(tea_room, State.QUEUED, next_try_at=NOW() - timedelta(hours=1))
    assert headline(tea_room) == ("bad", "Other account")


def test_only_the_last_check_counts(tea_room: Connection) -> None:
    HealthCheck.objects.create(connection=tea_room, passed=False, code="no_answer", sentence="It was silent.")
    assert headline(tea_room) == ("warn", "No answer")
    HealthCheck.objects.create(connection=tea_room, passed=True)
    assert headline(tea_room) == ("good", "Works")


def test_a_few_refusals_for_being_too_many_are_normal_and_a_tenth_is_not(tea_room: Connection) -> None:
    asked(tea_room, 200, 95)
    asked(tea_room, 429, 3)
    assert headline(tea_room) == ("good", "Works")
    asked(tea_room, 429, 9)
    assert headline(tea_room) == ("warn", "Throttled")


def test_a_delivery_due_for_more_than_five_minutes_makes_the_queue_late(tea_room: Connection) -> None:
    told(tea_room, State.QUEUED, next_try_at=NOW() - timedelta(minutes=4))
    assert headline(tea_room) == ("good", "Works")
    told(tea_room, State.QUEUED, next_try_at=NOW() - timedelta(minutes=6))
    assert headline(tea_room) == ("warn", "Queue is late")


def test_a_retry_in_the_future_is_not_late(tea_room: Connection) -> None:
    told(tea_room, State.QUEUED, next_try_at=NOW() + timedelta(hours=1))
    assert headline(tea_room) == ("good", "Works")


def test_bad_requests_do_not_make_a_connection_look_sick_while_others_arrive(tea_room: Connection) -> None:
    told(tea_room, State.FAILED, 20)
    assert headline(tea_room) == ("warn", "Nothing arrives")
    told(tea_room, State.ACCEPTED)
    assert headline(tea_room) == ("good", "Works")


def test_facts_that_were_never_sent_do_not_make_a_connection_look_sick(tea_room: Connection) -> None:
    told(tea_room, State.FAILED, 20, attempts_made=0)
    assert headline(tea_room) == ("good", "Works")


def test_a_hundred_connections_take_as_many_queries_as_one(
    tea_room: Connection, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    rows = [tea_room, *(a_connection(f"B{number}") for number in range(99))]
    for row in rows:
        HealthCheck.objects.create(connection=row, passed=True)
        told(row, State.ACCEPTED)
    with django_assert_max_num_queries(7):
        found = health.of_all(rows)
    assert {one.headline for one in found.values()} == {"Works"}


def test_what_gave_way_to_something_newer_is_not_counted_as_held_back(tea_room: Connection) -> None:
    told(tea_room, State.SKIPPED, reason_code="superseded")
    told(tea_room, State.SKIPPED, reason_code="unsubscribed")
    assert figures.of_all([tea_room])[tea_room.pk].held_back == 1


def test_an_account_that_does_not_answer_says_so_and_so_does_what_is_frozen_everywhere(tea_room: Connection) -> None:
    other = a_connection("A2")
    told(tea_room, State.QUEUED, next_try_at=NOW() - timedelta(hours=1))
    pauses.trouble(tea_room, "", pauses.NOT_ANSWERING, "It does not answer.", most=timedelta(minutes=1))
    assert headline(tea_room) == ("warn", "Not answering")
    assert headline(other) == ("good", "Works")
    pauses.trouble(None, "event", pauses.FROZEN, "All is refused.", most=timedelta(minutes=1))
    assert headline(other) == ("warn", "Frozen")


def test_hours_are_counted_up_to_now_and_none_is_missing(tea_room: Connection) -> None:
    told(tea_room, State.CONFIRMED, 3)
    told(tea_room, State.FAILED, 1, settled_at=NOW() - timedelta(days=2))
    hours = figures.hours(figures.of_all([tea_room]).values(), NOW())
    assert len(hours) == 24
    assert hours[-1].delivered == 3
    assert sum(hour.total for hour in hours) == 3


@pytest.mark.parametrize(
    ("most", "expected"), [(0, [0, 1]), (3, [0, 1, 2, 3]), (140, [0, 50, 100, 150]), (9_999, [0, 5000, 10000])]
)
def test_an_axis_ends_at_a_round_number(most: int, expected: list[int]) -> None:
    assert charts.axis(most) == expected


def test_bars_stand_on_each_other_within_the_chart() -> None:
    start = NOW().replace(minute=0)
    chart = charts.per_hour([Hour(start + timedelta(hours=n), n * 10, n, 1) for n in range(24)])
    for column in chart.columns:
        floor = float(chart.floor)
        for bar in column.bars:
            assert bar.y + bar.height == pytest.approx(floor, abs=0.2)
            floor = bar.y
        assert floor >= chart.top - 2 * charts.LEAST
    assert charts.per_hour([]).is_empty
