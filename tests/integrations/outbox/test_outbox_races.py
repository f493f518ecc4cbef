"""Races at the outbox: many workers at one queue, and hosts whose transactions take long."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.test import Client
from django.utils import timezone

from integrations import connections, outbox, reasons
from integrations.models import Connection, Delivery
from integrations.outbox import Order, wake_ups
from integrations.outcomes import Accepted
from integrations.workers import worker
from sorae.celery import app as current_app
from tests.integrations.operators import come_back, leave
from tests.integrations.teapot import Teapot

pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State
WORKERS = 8
PATIENCE = 300.0  # seconds; whatever takes longer waits for something that does not come


@pytest.fixture
def account() -> Connection:
    return Connection.objects.create(provider="klaviyo", account_id="VxYz12", state=Connection.State.CONNECTED)


def at_once(work: Callable[[int], int]) -> list[int]:
    def closing(number: int) -> int:
        try:
            return work(number)
        finally:
            database.close()

    with ThreadPoolExecutor(WORKERS) as workers:
        return list(workers.map(closing, range(WORKERS)))


def test_each_delivery_is_claimed_by_one_worker(account: Connection) -> None:
    with transaction.atomic():
        outbox.add(account.pk, [Order("event", f"fact:{n}", timezone.now()) for n in range(300)])

    def work(_: int) -> int:
        settled = 0
        while batch := outbox.claim(account, limit=7):
            settled += sum(outbox.settle(delivery, Accepted()) for delivery in batch)
        return settled

    assert sum(at_once(work)) == 300
    assert set(Delivery.objects.values_list("state", "attempts_made")) == {(Delivery.State.ACCEPTED, 1)}


def test_the_same_fact_told_by_many_at_once_is_queued_once(account: Connection) -> None:
    def tell(_: int) -> int:
        with transaction.atomic():
            outbox.add(account.pk, [Order("event", "conversion:1", timezone.now())])
        return 0

    at_once(tell)
    assert account.deliveries.count() == 1


def test_two_deliveries_of_a_lane_are_never_sent_side_by_side(account: Connection) -> None:
    sending: list[int] = []
    most = 0

    def work(number: int) -> int:
        nonlocal most
        for turn in range(5):
            with transaction.atomic():
                outbox.add(account.pk, [Order("profile", f"ann:{number}:{turn}", timezone.now(), lane="profile:ann")])
            for delivery in outbox.claim(account):
                sending.append(delivery.pk)
                most = max(most, len(sending))
                sending.remove(delivery.pk)
                outbox.settle(delivery, Accepted())
        return 0

    at_once(work)
    assert most == 1


def test_no_change_is_lost_between_a_touch_and_a_claim(account: Connection) -> None:
    """What is sent is read after the claim: so after each change there must be a claim that sees it."""
    changes, all_made = 30, Event()

    def change() -> int:
        for number in range(1, changes + 1):
            with transaction.atomic():
                Connection.objects.update(account_name=str(number))
                outbox.add(account.pk, [Order("profile", f"ann:{number}", timezone.now(), lane="profile:ann")])
        all_made.set()
        return 0

    def send() -> int:
        seen = 0
        while not all_made.is_set() or account.deliveries.filter(state__in=Delivery.OPEN).exists():
            for delivery in outbox.claim(account):
                seen = int(Connection.objects.get().account_name)
                outbox.settle(delivery, Accepted())
        return seen

    def work(number: int) -> int:
        return send() if number else change()

    assert max(at_once(work)) == changes
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.ACCEPTED}


# --- A host's transaction that takes long ---------------------------------------------------------


def queue_a_profile(account: Connection, key: str) -> None:
    with transaction.atomic():
        outbox.add(account.pk, [Order("profile", key, timezone.now(), lane="profile:ann")])


@contextmanager
def busy_host(account: Connection) -> Iterator[Event]:
    """A host has changed a waiting delivery, and goes on to queue another one when the event is set.

    SQLite lets one write at a time: there the host goes on by itself, and the others come after it.
    """
    changed, go_on = Event(), Event()
    if not database.features.has_select_for_update_skip_locked:
        go_on.set()

    def act() -> None:
        try:
            with transaction.atomic():
                queue_a_profile(account, "ann:2")
                changed.set()
                assert go_on.wait(PATIENCE)
                outbox.add(account.pk, [Order("event", "invite:1", timezone.now())])
        finally:
            database.close()

    with ThreadPoolExecutor(1) as hosts:
        host = hosts.submit(act)
        assert changed.wait(PATIENCE)
        try:
            yield go_on
        finally:
            go_on.set()
        host.result(PATIENCE)


def what_waits() -> list[tuple[str, str]]:
    return sorted(Delivery.objects.values_list("key", "state"))


def test_a_reconnect_and_a_busy_host_do_not_wait_for_each_other(
    teapot: Teapot, browser: Client, tearoom: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue_a_profile(tearoom, "ann:1")
    connections.mark_reconnect(tearoom, reasons.of("access_withdrawn", "The app was removed."))
    assert what_waits() == [("ann:1", State.HELD)]
    release = outbox.release
    way = teapot.consent(leave(browser, tearoom))
    with busy_host(tearoom) as go_on:

        def releasing(connection: Connection) -> int:
            go_on.set()  # the account's row is locked by now, and what the host has changed is asked for next
            return release(connection)

        monkeypatch.setattr(outbox, "release", releasing)
        come_back(browser, way)
    assert Connection.objects.get().is_connected
    worker.sweep()
    assert what_waits() == [("ann:1", State.QUEUED), ("invite:1", State.QUEUED)]


def test_a_disconnect_does_not_wait_for_a_busy_host(tearoom: Connection) -> None:
    queue_a_profile(tearoom, "ann:1")
    with busy_host(tearoom):
        connections.disconnect(tearoom, None)
        assert Connection.objects.get().state == Connection.State.DISCONNECTED
    worker.sweep()
    assert what_waits() == [("ann:1", State.HELD), ("invite:1", State.HELD)]


def test_a_loss_of_access_is_noted_beside_a_busy_host(tearoom: Connection) -> None:
    queue_a_profile(tearoom, "ann:1")
    with busy_host(tearoom):
        assert connections.mark_reconnect(tearoom, reasons.of("access_withdrawn", "The app was removed."))
    worker.sweep()
    assert what_waits() == [("ann:1", State.HELD), ("invite:1", State.HELD)]


def test_a_busy_host_does_not_stop_the_sweep_for_the_others(account: Connection) -> None:
    other = Connection.objects.create(provider="klaviyo", account_id="Qk7LmA", state=Connection.State.RECONNECT)
    with transaction.atomic():
        outbox.add(other.pk, [Order("event", "zoe:1", timezone.now())])
    Connection.objects.update(state=Connection.State.RECONNECT)
    queue_a_profile(account, "ann:1")
    with busy_host(account):
        worker.sweep()
        assert other.deliveries.get().state == State.HELD
    worker.sweep()
    assert what_waits() == [("ann:1", State.HELD), ("invite:1", State.HELD), ("zoe:1", State.HELD)]


# --- Waking workers -------------------------------------------------------------------------------


def test_a_transaction_wakes_a_worker_once_however_much_it_queues(
    account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(wake_ups, "now", woken.append)
    with transaction.atomic():
        for number in range(50):
            outbox.add(account.pk, [Order("event", f"fact:{number}", timezone.now())])
        assert woken == []
    assert woken == [account.pk]


def test_a_broker_that_is_away_does_not_reach_the_host(account: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def unreachable(*message: Any, **_: Any) -> None:
        asked.append(message)
        raise ConnectionError

    monkeypatch.setattr(wake_ups, "_broker_rests_until", 0.0)
    monkeypatch.setattr(current_app, "send_task", unreachable)
    for number in range(5):
        with transaction.atomic():
            outbox.add(account.pk, [Order("event", f"fact:{number}", timezone.now())])
    assert account.deliveries.filter(state=State.QUEUED).count() == 5
    assert len(asked) == 1
