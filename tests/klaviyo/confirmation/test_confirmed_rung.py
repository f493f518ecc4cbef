"""The last rung of an account's health: what it took is seen there, and how long that takes."""

from datetime import timedelta

from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from integrations.models import Connection, Delivery
from integrations.pages import figures, health, latency
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.confirmation.reading_cast import read_back
from tests.klaviyo.story import State


def told(connection: Connection, count: int, *, taken: float, seen: float | None, ago: float = 60) -> None:
    """Events that happened so many seconds ago: after so many they were taken, and seen there."""
    made = timezone.now() - timedelta(seconds=ago)
    rows = [
        Delivery(
            connection=connection,
            key=f"{taken} {number}",
            kind="event",
            occurred_at=made,
            state=State.ACCEPTED if seen is None else State.CONFIRMED,
            settled_at=made + timedelta(seconds=taken),
            confirmed_at=None if seen is None else made + timedelta(seconds=seen),
        )
        for number in range(count)
    ]
    Delivery.objects.bulk_create(rows)
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(created_at=made)


def rung(connection: Connection) -> health.Rung:
    found = health.of(connection).rungs[-1]
    assert found.name == "Confirmed"
    return found


def test_before_anything_was_read_back_nothing_is_claimed(connection: Connection) -> None:
    assert (rung(connection).state, rung(connection).sentence) == ("unknown", "Nothing was read back yet.")
    told(connection, 1, taken=0.25, seen=None)
    assert rung(connection).sentence == "Nothing was read back yet. Half of what is told is taken within 250 ms."


def test_it_says_when_an_event_was_last_seen_and_how_long_it_took(connection: Connection) -> None:
    told(connection, 3, taken=0.5, seen=20.0)
    told(connection, 2, taken=300.0, seen=400.0, ago=900)
    found = rung(connection)
    assert found.state == "ok"
    assert found.sentence == (
        "Last event seen in the account 40\xa0seconds ago. "
        "Half of what is told is taken within 500 ms and seen there within 20 s."
    )


def test_what_was_told_before_the_last_hour_says_nothing_about_now(connection: Connection) -> None:
    told(connection, 3, taken=0.5, seen=20.0)
    Delivery.objects.update(settled_at=timezone.now() - timedelta(hours=2))
    assert figures.of(connection).latency == latency.Latency()


def test_however_many_there_are_few_are_looked_at(
    connection: Connection, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    told(connection, 300, taken=4.0, seen=130.0, ago=200)
    with django_assert_max_num_queries(9):
        found = rung(connection)
    assert "taken within 4.0 s and seen there within 2 minutes" in found.sentence


def test_what_is_not_confirmed_is_the_headline_and_advice_is_given(
    browser_of_the_operator: Client, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    drain()
    read_back()
    assert health.of(connection).headline == "Works"
    told(connection, 2, taken=1.0, seen=None)
    Delivery.objects.filter(state=State.ACCEPTED, kind="event").update(reason_code="not_confirmed", reason="Not there.")
    page = browser_of_the_operator.get(f"/admin/integrations/{connection.pk}/").content.decode()
    assert "Not confirmed" in page
    assert "2 events were taken in the last day, and cannot be seen in the account." in page
    assert "Each of these deliveries says what to do." in page
    assert "state=accepted&amp;reason=not_confirmed&amp;settled=day" in page
