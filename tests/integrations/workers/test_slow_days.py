"""On a slow day workers take less at a time; a heartbeat keeps what they hold; and one process sweeps for all."""

import threading
import uuid
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outbox, tasks
from integrations.models import Connection, Delivery, Lease, Turn
from integrations.outbox import Lot, leasing, wake_ups
from integrations.workers import batches, heartbeat, single_file, tempo, worker
from integrations.workers.in_bulk import ALONE
from tests.integrations.kettle import Kettle, add

State = Delivery.State
EVENTS = "event"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempo, "_most", {})
    monkeypatch.setattr(tempo, "_slow", set())
    monkeypatch.setattr(leasing, "_at_work", {})
    monkeypatch.setattr(leasing, "_are_kept", False)


def took(seconds: float, size: int) -> int:
    """What comes next, after a batch of that size that took so long."""
    tempo._note(1, EVENTS, size, 1_000, seconds)
    return tempo.most(1, EVENTS, 1_000)


def test_a_batch_that_took_long_is_followed_by_a_smaller_one_until_it_goes_quickly() -> None:
    assert tempo.most(1, EVENTS, 1_000) == 1_000
    assert [took(30, 1_000), took(30, 500), took(7, 250)] == [500, 250, 250]
    assert tempo.is_slow(1, EVENTS)
    assert not tempo.is_slow(2, EVENTS), "each account has its own tempo"
    assert [took(1, 250), took(1, 500)] == [500, 1_000]
    assert not tempo.is_slow(1, EVENTS)
    assert took(60, 3) == tempo.LEAST
    assert took(1, 3) == tempo.LEAST, "a batch that was not full says nothing of a larger one"


def test_the_first_batch_of_many_is_not_the_largest() -> None:
    sizes = []
    for _ in range(5):
        sizes.append(tempo.most(1, "profile", 10_000))
        tempo._note(1, "profile", sizes[-1], 10_000, 1.0)
    assert sizes == [1_000, 2_000, 4_000, 8_000, 10_000]


def test_a_slow_account_gets_small_batches_and_no_help(
    account: Connection, kettle: Kettle, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr("integrations.outbox.wake_ups.now", lambda pk, **_: woken.append(pk))
    monkeypatch.setattr(tempo, "_most", {(account.pk, EVENTS): 7})
    monkeypatch.setattr(tempo, "_slow", {(account.pk, EVENTS)})
    add(account, 30)
    assert [len(batch) for batch, many in batches.batches(account) if many] == [7]
    woken.clear()
    worker._round(account)
    assert woken == []


def test_leases_are_short_where_a_heartbeat_keeps_them(account: Connection, kettle: Kettle) -> None:
    leasing.be_kept(True)
    add(account, 2)
    batch = outbox.claim(account)
    lease = Lease.objects.get()
    assert (lease.until - lease.began_at) <= leasing.KEPT + timedelta(seconds=1)
    Lease.objects.update(until=Now() + timedelta(seconds=1))
    assert leasing.keep_those_at_work() == 1
    assert Lease.objects.get().until > timezone.now() + timedelta(seconds=5)
    for delivery in batch:
        outbox.settle(delivery, ALONE)
    outbox.end(batch)
    assert (leasing.keep_those_at_work(), Lease.objects.count()) == (0, 0)


def test_no_heartbeat_cuts_a_lease_that_was_taken_in_full(account: Connection, kettle: Kettle) -> None:
    leasing.be_kept(True)
    add(account)
    outbox.extend(outbox.claim(account))
    assert leasing.keep_those_at_work() == 1
    assert Lease.objects.get().until > timezone.now() + leasing.KEPT + timedelta(seconds=20)


def test_a_worker_that_is_stuck_keeps_nothing(account: Connection, kettle: Kettle) -> None:
    add(account)
    [delivery] = outbox.claim(account)
    leasing._at_work[delivery.lease] -= leasing.LEASE.total_seconds() + 1  # type: ignore[index]
    assert leasing.keep_those_at_work() == 0
    Lease.objects.update(until=Now() - timedelta(seconds=1))
    outbox.give_back_expired()
    assert not leasing.are_ours([delivery])


def test_the_heart_stops_with_the_work() -> None:
    with heartbeat.beating():
        assert leasing._length() == leasing.KEPT
    assert leasing._length() == leasing.LEASE


def test_with_anything_left_a_lease_does_not_end(account: Connection, kettle: Kettle) -> None:
    add(account, 2)
    batch = outbox.claim(account)
    outbox.settle(batch[0], ALONE)
    outbox.end(batch)
    assert Lease.objects.count() == 1


def test_one_sweeps_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    healed: list[None] = []
    monkeypatch.setattr(worker, "heal", lambda: healed.append(None))
    with single_file.turn("sweep") as is_ours:
        assert is_ours
        tasks.sweep()
    assert healed == []
    tasks.sweep()
    assert len(healed) == 1


def test_whoever_dies_at_a_turn_leaves_it_to_others_soon() -> None:
    Turn.objects.create(name="sweep", until=Now() + single_file.LONGEST)
    with single_file.turn("sweep") as is_ours:
        assert not is_ours
    Turn.objects.update(until=Now() - timedelta(seconds=1))
    with single_file.turn("sweep") as is_ours:
        assert is_ours


def test_suspects_go_apart_from_all_others_and_are_cleared_when_they_go_well(
    account: Connection, kettle: Kettle
) -> None:
    add(account, 12)
    batch = outbox.claim(account, wanted=[Lot(EVENTS, False)])
    Lease.objects.update(until=Now() - timedelta(seconds=1))
    outbox.give_back_expired()
    add(account, 3)
    groups = set(Delivery.objects.exclude(lease=None).values_list("lease", flat=True))
    assert len(groups) == 2, "by halves"
    apart = outbox.claim(account)
    assert len(apart) == len(batch) // 2
    outbox.settle_all(apart, ALONE)
    worker.drain(account.pk)
    assert set(Delivery.objects.values_list("state", "crashes", "lease")) == {(State.ACCEPTED, 0, None)}


def test_what_died_before_its_request_was_never_tried(account: Connection, kettle: Kettle) -> None:
    add(account, 2)
    outbox.claim(account)
    Lease.objects.update(until=Now() - timedelta(seconds=1))
    outbox.give_back_expired()
    assert set(Delivery.objects.values_list("attempts_made", flat=True)) == {0}


def test_places_follow_whatever_is_written_to_deliveries(account: Connection, kettle: Kettle) -> None:
    add(account, 3)
    first, second, third = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=first.pk).update(state=State.HELD, lane="lane")
    second.state, second.settled_at = State.ACCEPTED, timezone.now()
    second.save()
    with transaction.atomic():
        third.delete()
    places = {row.pk: row for row in account.places.all()}
    assert places.keys() == {first.pk, second.pk}
    assert (places[first.pk].state, places[first.pk].lane) == (State.HELD, "lane")
    assert (places[second.pk].state, places[second.pk].settled_at is None) == (State.ACCEPTED, False)


def test_one_thread_rings_for_all_who_wait_and_the_earlier_time_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[int] = []
    all_rung = threading.Event()

    def now(connection_id: int) -> None:
        rung.append(connection_id)
        if len(rung) == 40:
            all_rung.set()

    monkeypatch.setattr(wake_ups, "now", now)
    threads = threading.active_count()
    wake_ups.later(1, timedelta(hours=1))
    for number in range(1, 41):
        wake_ups.later(number, timedelta(milliseconds=50))
    assert threading.active_count() <= threads + 1
    assert all_rung.wait(60)
    assert sorted(rung) == list(range(1, 41)), "none waits for the hour, and none is rung twice"


def test_suspects_that_cannot_go_keep_no_others_waiting(account: Connection, kettle: Kettle) -> None:
    add(account, 1, kind="profile")
    add(account, 12)
    for lot in (Lot("profile", False), Lot(EVENTS, False)):
        outbox.claim(account, wanted=[lot])
    Lease.objects.update(until=Now() - timedelta(seconds=1))
    outbox.give_back_expired()
    Delivery.objects.filter(kind="profile").update(lane="lane", lease=uuid.UUID(int=0))
    ahead = Delivery.objects.create(
        pk=Delivery.objects.earliest("pk").pk - 1,
        connection=account,
        kind="profile",
        key="ahead",
        lane="lane",
        state=State.SENDING,
        occurred_at=timezone.now(),
    )
    worker.drain(account.pk)
    assert set(Delivery.objects.filter(kind=EVENTS).values_list("state", flat=True)) == {State.ACCEPTED}
    assert outbox.connections_with_work() == []
    Delivery.objects.filter(pk=ahead.pk).update(state=State.ACCEPTED, settled_at=timezone.now())
    assert outbox.connections_with_work() == [account.pk]
