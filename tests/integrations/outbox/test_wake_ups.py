"""Wake-ups: one is enough for much that happens, and none that is needed is left out."""

import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.outbox import Order, wake_ups
from integrations.workers import worker
from sorae.celery import app as current_app

State = Delivery.State
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def messages(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> list[int]:
    """Whom workers were told of; they and we see the same cache, as with Redis."""
    settings.REDIS_URL = settings.REDIS_URL or "redis://127.0.0.1:9/0"
    monkeypatch.setattr(wake_ups, "_broker_rests_until", 0.0)
    sent: list[int] = []
    monkeypatch.setattr(current_app, "send_task", lambda _, args, **__: sent.append(args[0]))
    return sent


def tell(account: Connection, number: int = 1) -> None:
    with transaction.atomic():
        for _ in range(number):
            outbox.add(account.pk, [Order("event", str(uuid.uuid4()), timezone.now())])


def test_one_wake_up_is_enough_for_much_that_is_told_at_once(account: Connection, messages: list[int]) -> None:
    for _ in range(20):
        tell(account, 5)
    assert messages == [account.pk]


def test_each_account_has_its_own(account: Connection, messages: list[int]) -> None:
    other = Connection.objects.create(provider="kettle", account_id="B2", state=Connection.State.CONNECTED)
    tell(account)
    tell(other)
    tell(account)
    assert messages == [account.pk, other.pk]


def test_what_is_told_right_after_a_worker_has_heard_wakes_again(account: Connection, messages: list[int]) -> None:
    tell(account)
    wake_ups.heard(account.pk)
    tell(account)
    assert messages == [account.pk, account.pk]


def test_what_is_told_while_a_worker_works_wakes_again(
    account: Connection, messages: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come after the worker's last look."""
    tell(account)
    work = worker.deliver

    def meanwhile(connection: Connection, batch: Sequence[Delivery], *more: Any) -> None:
        work(connection, batch, *more)
        if len(messages) == 1:
            tell(account)

    monkeypatch.setattr(worker, "deliver", meanwhile)
    worker.drain(account.pk)
    assert messages == [account.pk, account.pk]
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.ACCEPTED}


def test_a_fact_that_is_taken_back_wakes_nobody(account: Connection, messages: list[int]) -> None:
    with transaction.atomic():
        outbox.add(account.pk, [Order("event", "gone", timezone.now())])
        transaction.set_rollback(True)
    assert messages == []


def test_a_sweep_wakes_although_a_wake_up_was_lost(account: Connection, messages: list[int]) -> None:
    tell(account)
    messages.clear()  # the broker forgot it
    tell(account)
    assert messages == []
    worker.sweep()
    assert messages == [account.pk]


def test_a_broker_that_is_away_costs_the_caller_nothing_and_is_left_in_peace(
    account: Connection, messages: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def away(_: str, args: tuple[int], **__: Any) -> None:
        tried.append(args[0])
        raise ConnectionError

    monkeypatch.setattr(current_app, "send_task", away)
    for _ in range(5):
        tell(account)
        wake_ups.heard(account.pk)
    assert tried == [account.pk]
    assert Delivery.objects.count() == 5


def test_without_a_memory_in_common_every_fact_wakes(
    account: Connection, messages: list[int], settings: Settings
) -> None:
    settings.REDIS_URL = ""
    tell(account)
    tell(account)
    assert messages == [account.pk, account.pk]
