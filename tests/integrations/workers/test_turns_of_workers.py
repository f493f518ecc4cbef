"""Turns of workers at connections: which connection is next, how long a turn lasts, and which batch is claimed next."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.outbox import wake_ups
from integrations.workers import account_slots, worker
from integrations.workers import batches as worker_batches
from tests.integrations.kettle import Kettle, add, connected

State = Delivery.State
pytestmark = pytest.mark.django_db(transaction=True)


def test_the_least_recently_served_comes_first(account: Connection, kettle: Kettle) -> None:
    others = [connected(f"B{number}") for number in range(3)]
    for connection in (account, *others):
        add(connection, 1)
    now = timezone.now()
    for minutes, connection in zip((1, 5, 3), (account, others[0], others[1]), strict=True):
        Connection.objects.filter(pk=connection.pk).update(served_at=now - timedelta(minutes=minutes))
    assert outbox.connections_with_work() == [others[2].pk, others[0].pk, others[1].pk, account.pk]


def test_at_most_half_of_the_slots_are_at_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_slots, "_slots", 4)
    with (
        account_slots.one(1) as first,
        account_slots.one(1) as second,
        account_slots.one(1) as third,
        account_slots.one(2) as other,
    ):
        assert (first, second, third, other) == (True, True, False, True)
    with (
        account_slots.one(1) as first,
        account_slots.one(1),
        account_slots.one(2) as other,
        account_slots.one(2) as too_many,
        account_slots.one(3) as third,
    ):
        assert (first, other, too_many, third) == (True, True, False, True), "a quarter is left for others"
    with account_slots.one(1) as again:
        assert again


def test_a_single_worker_serves_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_slots, "_slots", 1)
    with account_slots.one(1) as first:
        assert first


def test_a_turn_ends_after_its_time_and_the_rest_wakes_another(
    account: Connection, kettle: Kettle, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(worker, "QUANTUM_SECONDS", 0.0)
    monkeypatch.setattr(wake_ups, "now", lambda connection_id, **_: woken.append(connection_id))
    add(account, 3)
    woken.clear()
    worker.drain(account.pk)
    assert woken == [account.pk]
    assert kettle.took == []


def test_few_go_mixed_and_many_of_a_kind_in_one_request(account: Connection, kettle: Kettle) -> None:
    add(account, 2, kind="profile")
    add(account, 12)
    batches = [(len(batch), many and batch[0].kind) for batch, many in worker_batches.batches(account) if batch]
    assert batches == [(2, None), (10, "event")]


def test_a_bulk_request_takes_the_oldest_and_a_tenth_of_the_newest(account: Connection, kettle: Kettle) -> None:
    add(account, 30)
    pks = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    for number, pk in enumerate(pks):
        Delivery.objects.filter(pk=pk).update(next_try_at=timezone.now() - timedelta(seconds=100 - number))
    ((batch, _),) = [(batch, bulk) for batch, bulk in worker_batches.batches(account) if batch]
    assert [delivery.pk for delivery in batch] == [*pks[:9], pks[-1]]


def test_what_is_fresh_goes_before_what_has_waited(account: Connection, kettle: Kettle) -> None:
    add(account, 4)
    Delivery.objects.update(next_try_at=timezone.now() - timedelta(minutes=1))
    old = set(Delivery.objects.values_list("pk", flat=True))
    add(account, 1)
    first, second = [batch for batch, _ in worker_batches.batches(account) if batch]
    assert {delivery.pk for delivery in second} == old
    assert len(first) == 1
    assert worker_batches.is_backlog(second)
    assert not worker_batches.is_backlog(first)
