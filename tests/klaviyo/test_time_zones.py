"""Stores take the time zone of the first account that they are joined to, and people are told the store's days."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from integrations.models import Connection
from klaviyo.mapping import events
from klaviyo.models import StoreSetting
from referrals import lifecycle
from referrals.models import Advocate, Store

PACIFIC = timezone(timedelta(hours=-8))


def join(store: Store, connection: Connection) -> str:
    StoreSetting.objects.create(store=store, connection=connection)
    store.refresh_from_db()
    return store.time_zone


def test_a_store_takes_that_of_its_first_account(tea_house: Store, connection: Connection) -> None:
    assert connection.timezone == "Europe/Helsinki"
    assert join(tea_house, connection) == "Europe/Helsinki"
    other = Connection.objects.create(provider="klaviyo", account_id="X", timezone="America/New_York")
    assert join(tea_house, other) == "Europe/Helsinki"


def test_what_an_operator_has_chosen_stays(tea_house: Store, connection: Connection) -> None:
    Store.objects.update(time_zone="Asia/Tokyo")
    assert join(tea_house, connection) == "Asia/Tokyo"


@pytest.mark.parametrize("odd", ["", "Nowhere/Atlantis", "../x", "Europe", "UTC+3"])
def test_what_is_no_time_zone_is_not_taken(tea_house: Store, connection: Connection, odd: str) -> None:
    Connection.objects.update(timezone=odd)
    assert join(tea_house, Connection.objects.get()) == ""


def test_a_reward_ends_on_the_day_of_the_store(ann: Advocate) -> None:
    Store.objects.update(time_zone="America/Los_Angeles")
    ends = datetime(2027, 1, 31, 23, 59, tzinfo=PACIFIC)
    given = lifecycle.reward(ann, kind="credit", amount=5, currency="EUR", expires_at=ends)
    (told,) = events.reward_issued(given)
    assert told.properties["expires_at"] == "2027-01-31T23:59:00-08:00"


def test_what_never_ends_has_a_day_as_well(tea_house: Store) -> None:
    tea_house.time_zone = "Europe/Helsinki"
    never = datetime.max.replace(tzinfo=UTC)
    assert tea_house.local(never) == never
