"""Pauses rest accounts, not rows: their kinds, their length, their end, and that nobody else is kept waiting."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import outbox, pauses
from integrations.models import Connection, Delivery, Pause
from integrations.workers import worker
from tests.integrations.kettle import Kettle, add, connected, let_pass

State = Delivery.State
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_pause_of_one_kind_leaves_the_others(account: Connection, kettle: Kettle) -> None:
    add(account, 2)
    add(account, 2, kind="profile")
    pauses.throttle(account, "event", timedelta(minutes=1))
    worker.drain(account.pk)
    assert set(Delivery.objects.values_list("kind", "state")) == {("event", State.QUEUED), ("profile", State.ACCEPTED)}
    assert outbox.connections_with_work() == []


def test_what_is_fresh_goes_while_the_backlog_rests(account: Connection, kettle: Kettle) -> None:
    add(account, 2)
    Delivery.objects.update(next_try_at=timezone.now() - timedelta(minutes=2))
    pauses.throttle(account, "event", timedelta(minutes=1), backlog_only=True)
    assert outbox.connections_with_work() == []
    add(account, 3)
    assert outbox.connections_with_work() == [account.pk]
    worker.drain(account.pk)
    assert sum(number for _, number in kettle.took) == 3
    assert Delivery.objects.filter(state=State.QUEUED).count() == 2
    pauses.throttle(account, "event", timedelta(minutes=1))
    add(account, 1)
    assert outbox.connections_with_work() == [], "a rest of the kind is one for what is fresh as well"


def test_a_pause_for_all_accounts_rests_all_of_them(account: Connection, kettle: Kettle) -> None:
    other = connected("B2")
    add(account, 2)
    add(other, 2)
    pauses.trouble(None, "event", pauses.FROZEN, "No.", most=timedelta(hours=1))
    assert outbox.connections_with_work() == []
    let_pass()
    for connection in (account, other):
        worker.drain(connection.pk)
    assert kettle.took == [(account.pk, 1), (account.pk, 1), (other.pk, 2)]


def test_a_pause_is_lengthened_and_never_cut_short(account: Connection) -> None:
    pauses.throttle(account, "event", timedelta(minutes=10))
    pauses.throttle(account, "event", timedelta(seconds=1))
    assert Pause.objects.get().until > timezone.now() + timedelta(minutes=9)


def test_what_is_throttled_on_trial_stays_on_trial(account: Connection) -> None:
    pauses.trouble(account, "event", pauses.FROZEN, "No.", most=timedelta(hours=1))
    pauses.throttle(account, "event", timedelta(minutes=10))
    assert Pause.objects.get().until > timezone.now() + timedelta(minutes=9)
    let_pass()
    assert pauses.of(account).on_trial == {"event"}


def test_trouble_is_news_where_a_kind_was_throttled(account: Connection) -> None:
    pauses.throttle(account, "event", timedelta(seconds=1))
    assert pauses.trouble(account, "event", pauses.FROZEN, "No.", most=timedelta(hours=1))
    let_pass()
    assert not pauses.trouble(account, "event", pauses.FROZEN, "No.", most=timedelta(hours=1))


def test_what_one_account_gets_through_thaws_it_for_all(account: Connection, kettle: Kettle) -> None:
    other, third = connected("B2"), connected("C3")
    for connection in (None, other):
        pauses.trouble(connection, "event", pauses.FROZEN, "No.", most=timedelta(hours=1))
    pauses.trouble(third, "", pauses.NOT_ANSWERING, "No.", most=timedelta(hours=1))
    Pause.objects.filter(connection=None).update(until=timezone.now() - timedelta(seconds=1))
    add(account)
    worker.drain(account.pk)
    assert [pause.connection for pause in Pause.objects.all()] == [third]


def test_a_kind_that_is_frozen_for_all_is_not_forgotten_while_one_account_is_still_refused(account: Connection) -> None:
    for connection in (None, account):
        pauses.trouble(connection, "event", pauses.FROZEN, "No.", most=timedelta(hours=1))
    long_ago = timezone.now() - pauses.FORGOTTEN_AFTER - timedelta(seconds=1)
    Pause.objects.filter(connection=None).update(until=long_ago)
    pauses.forget_old()
    assert Pause.objects.count() == 2
    Pause.objects.update(until=long_ago)
    pauses.forget_old()
    assert not Pause.objects.exists()


def test_old_pauses_are_forgotten(account: Connection) -> None:
    pauses.throttle(account, "event", timedelta(minutes=1))
    pauses.trouble(account, "", pauses.NOT_ANSWERING, "No.", most=timedelta(hours=1))
    let_pass()
    pauses.forget_old()
    assert set(Pause.objects.values_list("code", flat=True)) == {pauses.NOT_ANSWERING}
    Pause.objects.update(until=timezone.now() - pauses.FORGOTTEN_AFTER - timedelta(seconds=1))
    pauses.forget_old()
    assert not Pause.objects.exists()
