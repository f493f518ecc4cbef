"""Events that Klaviyo has taken are read back and confirmed, whatever its answers are like."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from integrations.models import Connection, Delivery
from klaviyo.api import events as events_api
from klaviyo.confirmation import rounds, turns
from klaviyo.models import Reading, StoreSetting
from klaviyo.sandbox import Exchange, Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests import budgets
from tests.conftest import Drain
from tests.klaviyo.confirmation.reading_cast import events, read_back, time_passes, unconfirmed
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.delivery.bulk.crowd import many_visits
from tests.klaviyo.story import BEN, CID, TEA, State

CONFIRMED = (State.CONFIRMED, "")


def tell(ann: Advocate, drain: Drain) -> None:
    """Five events of five metrics, on three people."""
    lifecycle.invite(ann, BEN)
    lifecycle.convert(ann, order_id="1", friend_email=CID, total="1", currency="EUR")
    drain()


def test_what_klaviyo_holds_is_confirmed_with_the_moment_it_was_seen(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    tell(ann, drain)
    before = timezone.now()
    read_back()
    assert events() == [CONFIRMED] * 5
    assert all(row.confirmed_at and row.confirmed_at >= before for row in Delivery.objects.filter(kind="event"))
    assert Delivery.objects.get(kind="profile").state == State.ACCEPTED


def test_what_was_just_taken_is_left_for_the_next_turn(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    tell(ann, drain)
    turns.take_all()
    assert unconfirmed() == 5
    assert sandbox.requests("get_events") == []


def test_reading_back_stands_aside_for_a_backlog_but_not_for_long(
    sandbox: Sandbox, ann: Advocate, drain: Drain, settings: Settings
) -> None:
    tell(ann, drain)
    settings.KLAVIYO_BULK_FROM = 5
    many_visits(ann, 6)
    read_back()
    assert sandbox.requests("get_events") == []
    time_passes(rounds.BEHIND_A_BACKLOG)
    read_back()
    assert events()[:5] == [CONFIRMED] * 5
    assert Delivery.objects.filter(state=State.QUEUED, kind="event").count() == 6, "nobody has sent these meanwhile"


def test_where_nothing_waits_to_be_seen_nobody_is_asked(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    tell(ann, drain)
    read_back()
    asked = len(sandbox.requests("get_events"))
    read_back(5)
    assert len(sandbox.requests("get_events")) == asked


def test_a_metric_that_is_known_is_asked_for_by_its_id(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    tell(ann, drain)
    read_back()
    known = Reading.objects.get().metrics
    assert len(known) == 5
    asked = len(sandbox.requests("get_events"))
    lifecycle.convert(ann, order_id="2", friend_email=CID, total="1", currency="EUR")
    drain()
    read_back()
    queries = [dict(parse_qsl(one.query))["filter"] for one in sent() if one.operation == "get_events"][asked:]
    assert len(queries) == 2
    assert all("equals(metric_id" in query for query in queries)
    assert events()[-1] == CONFIRMED


def test_facts_of_years_ago_are_found_at_their_own_time(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    for days in (900, 400, 399, 1):
        at = timezone.now() - timedelta(days=days)
        lifecycle.convert(ann, order_id=str(days), friend_email=CID, total="1", currency="EUR", occurred_at=at)
    drain()
    read_back()
    assert set(events()) == {CONFIRMED}


def test_thousands_take_a_few_requests_and_no_query_for_each(
    sandbox: Sandbox,
    ann: Advocate,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    monkeypatch.setattr(events_api, "READ_AT_ONCE", 100)
    for number in range(120):
        lifecycle.visit(ann, landing_page=f"https://teahouse.example/{number}")
    drain()
    with django_assert_max_num_queries(60):
        read_back()
    assert set(events()) == {CONFIRMED}
    assert len(sandbox.requests("get_events")) <= 6


def test_a_part_that_takes_too_long_goes_on_where_it_was_left(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "TURN_SECONDS", -1.0)
    monkeypatch.setattr(events_api, "READ_AT_ONCE", 10)
    for number in range(30):
        at = timezone.now() - timedelta(minutes=number)
        lifecycle.visit(ann, landing_page=f"https://teahouse.example/{number}", occurred_at=at)
    drain()
    left = [unconfirmed()]
    while left[-1]:
        read_back()
        left.append(unconfirmed())
        assert left[-1] < left[-2]
    assert len(left) > 3


def test_a_round_in_many_parts_reaches_its_end(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "AT_ONCE", 2)
    tell(ann, drain)
    for number, delivery in enumerate(Delivery.objects.filter(kind="event").order_by("pk")):
        at = timezone.now() - timedelta(seconds=60 - number)
        Delivery.objects.filter(pk=delivery.pk).update(settled_at=at)
    read_back()
    assert events() == [CONFIRMED] * 5
    reading = Reading.objects.get()
    assert (reading.began_at, reading.place, reading.last_began_at is not None) == (None, {}, True)


@pytest.mark.parametrize(
    "trouble", ["500", "502", "429", "not_json", "truncated", "html_403", "reset", "accept_then_drop", "redirect"]
)
def test_an_answer_that_is_no_good_confirms_nothing_and_loses_nothing(
    sandbox: Sandbox, ann: Advocate, drain: Drain, trouble: str
) -> None:
    tell(ann, drain)
    sandbox.fault("get_events", trouble)
    read_back()
    assert unconfirmed() == 5
    budgets.forget()
    read_back(2)
    assert events() == [CONFIRMED] * 5


def circles(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"links": document["links"] | {"next": document["links"]["self"]}}


def elsewhere(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"links": {"next": "https://elsewhere.example/api/events?page%5Bcursor%5D=stolen"}}


def odd(document: dict[str, Any]) -> dict[str, Any]:
    return document | {"data": [None, {}, {"attributes": {"datetime": "soon"}}, {"attributes": {"datetime": 7}}, 3]}


@pytest.mark.parametrize("change", [circles, odd, lambda _: {"data": {}}, lambda _: {"data": None}])
def test_an_odd_answer_is_survived(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil, change: Callable[[Any], Any]
) -> None:
    tell(ann, drain)
    spoil("get_events", change, times=1)
    read_back()
    time_passes(timedelta(minutes=2))
    read_back(2)
    assert events() == [CONFIRMED] * 5


def test_a_next_page_at_another_host_is_asked_of_klaviyo_alone(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    tell(ann, drain)
    spoil("get_events", elsewhere, times=1)
    read_back()
    [_, next_one, *_] = [one for one in sent() if one.operation == "get_events"]
    assert dict(parse_qsl(next_one.query)) == {"page[cursor]": "stolen"}
    read_back(2)
    assert events() == [CONFIRMED] * 5


def test_two_accounts_confirm_what_is_their_own(
    sandbox: Sandbox, ann: Advocate, second_connection: Connection, drain: Drain
) -> None:
    StoreSetting.objects.create(store=ann.program.store, connection=second_connection, behaviour="create")
    tell(ann, drain)
    sandbox.fault("get_events", "500", count=50, account=TEA)
    read_back()
    assert set(events(connection=second_connection)) == {CONFIRMED}
    assert {state for state, _ in events(connection__account_id=TEA)} == {State.ACCEPTED}


def test_an_event_that_came_twice_is_confirmed_once(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.fault("create_event", "accept_then_drop")
    tell(ann, drain)
    Delivery.objects.filter(state=State.QUEUED).update(next_try_at=timezone.now() - timedelta(seconds=1))
    drain()
    read_back()
    assert set(events()) == {CONFIRMED}
    assert sorted(event.received for event in sandbox.events(TEA))[-1] == 2


def test_what_two_workers_would_read_is_read_by_one(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    tell(ann, drain)
    time_passes(timedelta(seconds=30))
    turns.take_all()
    pk = Reading.objects.get().pk
    assert turns.ROTA.take(pk) is False


def test_an_account_that_is_not_connected_is_not_asked(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    tell(ann, drain)
    Connection.objects.update(state=Connection.State.RECONNECT)
    read_back()
    assert sandbox.requests("get_events") == []
