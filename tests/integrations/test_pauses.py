"""Accounts are paused, not rows: what rests, for how long, what ends it, and that nobody else is kept waiting."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import draining, outbox, pauses
from integrations.models import Connection, Delivery, Pause
from tests.integrations.kettle import Kettle, add, connected, let_pass

State = Delivery.State
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_pause_of_one_kind_leaves_the_others(account: Connection, kettle: Kettle) -> None:
    add(account, 2)
    add(account, 2, kind="profile")
    pauses.throttle(account, "event", timedelta(minutes=1))
    draining.drain(account.pk)
    assert set(Delivery.objects.values_list("kind", "state")) == {
        ("event", State.QUEUED), ("profile", State.ACCEPTED)
    }  # fmt: skip
    assert outbox.connections_with_work() == []


def test_a_pause_for_all_accounts_rests_all_of_them(account: Connection, kettle: Kettle) -> None:
    other = connected("B2")
    add(account, 2)
    add(other, 2)
    pauses.trouble(None, "event", pauses.FROZEN, "No.", most=timedelta(hours=1))
    assert outbox.connections_with_work() == []
    let_pass()
    for connection in (account, other):
        draining.drain(connection.pk)
    assert kettle.took == [(account.pk, 1), (account.pk, 1), (other.pk, 2)]


def test_a_pause_is_lengthened_and_never_cut_short(account: Connection) -> None:
    pauses.throttle(account, "event", timedelta(minutes=10))
    pauses.throttle(account, "event", timedelta(seconds=1))
    assert Pause.objects.get().until > timezone.now() + timedelta(minutes=9)


def test_old_pauses_are_forgotten(account: Connection) -> None:
    pauses.throttle(account, "event", timedelta(minutes=1))
    pauses.trouble(account, "", pauses.NOT_ANSWERING, "No.", most=timedelta(hours=1))
    let_pass()
    pauses.forget_old()
    assert set(Pause.objects.values_list("code", flat=True)) == {pauses.NOT_ANSWERING}
    Pause.objects.update(until=timezone.now() - pauses.FORGOTTEN_AFTER - timedelta(seconds=1))
    pauses.forget_old()
    assert not Pause.objects.exists()
