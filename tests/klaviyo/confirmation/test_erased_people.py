"""Nobody looks for the events of somebody erased, who is gone from Klaviyo too: the account stays green."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.timezone import localtime

from integrations.models import Connection, Delivery
from integrations.pages import health
from klaviyo.confirmation import missing, report
from klaviyo.delivery.erasure import erase
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.confirmation.reading_cast import EVENTS, lose, read_back, time_passes
from tests.klaviyo.sending_cast import RECEIVED
from tests.klaviyo.story import BEN, CID, TEA, State, make_due

PURCHASE = "Sorae Referred Purchase"
ELEVEN_MINUTES = timedelta(minutes=11)


def buy(ann: Advocate, drain: Drain) -> None:
    drain()
    lifecycle.convert(ann, order_id="1", friend_email=CID, total="1", currency="EUR")
    lifecycle.invite(ann, BEN)
    drain()


def forget_them(drain: Drain, *emails: str) -> None:
    """They are erased here, and deleted at Klaviyo with all that they did."""
    for email in emails:
        erase.erase(email, None)
    make_due()
    drain()


def minutes_later(ann: Advocate, drain: Drain) -> None:
    time_passes(ELEVEN_MINUTES)
    lifecycle.visit(ann)
    drain()
    read_back(2)


def names(connection: Connection) -> list[str]:
    """Reasons of what was accepted and not confirmed."""
    taken = EVENTS.filter(connection=connection, state=State.ACCEPTED)
    return list(taken.exclude(reason_code="").values_list("reason_code", flat=True))


@pytest.mark.parametrize("rounds_before", [0, 1])
def test_what_was_told_of_somebody_erased_is_not_waited_for(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain, rounds_before: int
) -> None:
    buy(ann, drain)
    lose(sandbox, PURCHASE)
    lose(sandbox, RECEIVED)
    read_back(rounds_before)
    forget_them(drain, CID, BEN)
    read_back()
    for _ in range(3):
        minutes_later(ann, drain)
    assert (health.of(connection).level, health.of(connection).headline) == ("good", "Works")
    assert names(connection) == []
    assert EVENTS.filter(state=State.ACCEPTED, subject="").count() == 2


def test_what_was_reported_before_is_reported_no_more(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    buy(ann, drain)
    lose(sandbox, RECEIVED)
    read_back()
    minutes_later(ann, drain)
    assert names(connection) == ["not_confirmed"]
    assert health.of(connection).headline == "Not confirmed"
    forget_them(drain, BEN)
    read_back()
    assert names(connection) == []
    assert health.of(connection).headline == "Works"


def test_whoever_is_erased_while_it_is_looked_for_is_left_alone(
    connection: Connection, ann: Advocate, drain: Drain
) -> None:
    buy(ann, drain)
    rows = list(EVENTS.filter(state=State.ACCEPTED, subject__in=(BEN, CID)))
    assert len(rows) == 2
    forget_them(drain, BEN, CID)
    missing.repair(connection, rows)
    assert set(EVENTS.filter(subject="").values_list("state", "reason_code")) == {(State.ACCEPTED, "")}


@pytest.mark.parametrize("repairs", [False, True])
def test_a_reconciliation_does_not_miss_them(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain, repairs: bool
) -> None:
    buy(ann, drain)
    read_back()
    forget_them(drain, CID, BEN)
    assert [event.metric for event in sandbox.events(TEA, PURCHASE)] == []
    time_passes(ELEVEN_MINUTES)
    since, until = localtime() - timedelta(days=1), timezone.now() + timedelta(minutes=1)
    found = report.reconcile(connection, since, until, repairs=repairs)
    assert found.is_even
    assert names(connection) == []


def test_somebody_elses_events_are_still_looked_for(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    buy(ann, drain)
    lose(sandbox, RECEIVED)
    read_back()
    forget_them(drain, CID)
    minutes_later(ann, drain)
    assert names(connection) == ["not_confirmed"]
    assert Delivery.objects.get(reason_code="not_confirmed").subject == BEN
