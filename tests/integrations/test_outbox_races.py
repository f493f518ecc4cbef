"""Many workers at one queue."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection as database
from django.db import transaction
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.outbox import Order
from integrations.outcomes import Accepted

pytestmark = pytest.mark.django_db(transaction=True)
WORKERS = 8


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
        outbox.add(account, [Order("event", f"fact:{n}", timezone.now()) for n in range(300)])

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
            return outbox.add(account, [Order("event", "conversion:1", timezone.now())])

    at_once(tell)
    assert account.deliveries.count() == 1


def test_two_deliveries_of_a_lane_are_never_sent_side_by_side(account: Connection) -> None:
    sending: list[int] = []
    most = 0

    def work(number: int) -> int:
        nonlocal most
        for turn in range(5):
            with transaction.atomic():
                outbox.add(account, [Order("profile", f"ann:{number}:{turn}", timezone.now(), lane="profile:ann")])
            for delivery in outbox.claim(account):
                sending.append(delivery.pk)
                most = max(most, len(sending))
                sending.remove(delivery.pk)
                outbox.settle(delivery, Accepted())
        return 0

    at_once(work)
    assert most == 1
