"""What a worker has claimed keeps its place until it is settled, and whoever looks for what waits passes it by."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations import outbox, reasons
from integrations.models import Chore, Connection, Delivery, Lease, Place
from integrations.outbox import Lot, Order, chores
from integrations.outcomes import Accepted, Retry
from integrations.pages.filtering import Filter
from integrations.workers import worker
from tests.integrations.kettle import Kettle, connected

State = Delivery.State
WHY = reasons.of("needs_reconnect", "The account must be connected again.")
TOGETHER = Lot("event", is_alone=False)


@pytest.fixture
def account(transactional_db: None, kettle: Kettle) -> Connection:
    return connected("A1")


def add(account: Connection, number: int, **more: Any) -> None:
    known = Delivery.objects.count()
    now = timezone.now()
    with transaction.atomic():
        outbox.add(account.pk, [Order("event", f"{known + n}", now, shared_tries=1, **more) for n in range(number)])


def places() -> list[dict[str, Any]]:
    return [dict(row) for row in Place.objects.order_by("pk").values()]


def states() -> set[str]:
    return set(Place.objects.values_list("state", flat=True))


def test_a_claim_leaves_the_places_as_they_were(account: Connection) -> None:
    add(account, 3)
    before = places()
    claimed = outbox.claim(account)
    assert len(claimed) == 3
    assert places() == before
    outbox.give_back(claimed, Retry(WHY))
    assert places() == before


def test_what_is_settled_leaves_its_place(account: Connection) -> None:
    add(account, 2)
    taken, later = outbox.claim(account)
    outbox.settle(taken, Accepted())
    outbox.settle(later, Retry(WHY, after=timedelta(hours=1)))
    assert [place["state"] for place in places()] == [State.ACCEPTED, State.QUEUED]
    assert [place["is_alone"] for place in places()] == [True, True]
    assert Place.objects.get(pk=later.pk).next_try_at > timezone.now() + timedelta(minutes=50)


def test_what_a_provider_works_on_has_a_place_of_its_own(account: Connection) -> None:
    add(account, 1)
    outbox.claim(account)
    Delivery.objects.update(lease=None)  # as it is handed to a job
    assert states() == {State.SENDING}


def test_suspects_move_when_they_are_claimed(account: Connection) -> None:
    add(account, 1)
    outbox.claim(account)
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    outbox.give_back_expired()
    assert Place.objects.get().suspects is not None
    assert len(outbox.claim_suspects(account)) == 1
    assert (Place.objects.get().suspects, Place.objects.get().state) == (None, State.SENDING)


def test_what_is_in_hand_is_no_work_for_others(account: Connection) -> None:
    add(account, 5)
    outbox.claim(account, limit=3)
    assert outbox.sizes(account.pk, [TOGETHER], 100)[TOGETHER].number == 2
    assert outbox.connections_with_work() == [account.pk]
    outbox.claim(account)
    assert outbox.sizes(account.pk, [TOGETHER], 100) == {}
    assert outbox.connections_with_work() == []


def test_what_is_behind_many_in_hand_is_held(account: Connection) -> None:
    add(account, chores.AT_ONCE + 3)
    outbox.claim(account, limit=chores.AT_ONCE)
    assert outbox.hold(account, WHY) == 3
    Connection.objects.update(state=Connection.State.RECONNECT)
    assert outbox.hold_strays() == 0
    assert Delivery.objects.filter(state=State.HELD).count() == 3


def test_what_is_behind_many_in_hand_is_taken_back(account: Connection) -> None:
    add(account, chores.AT_ONCE + 3)
    outbox.claim(account, limit=chores.AT_ONCE)
    assert outbox.take_back(account, WHY) == 3
    assert Delivery.objects.filter(state=State.CANCELLED).count() == 3
    worker.sweep()
    assert not Chore.objects.exists()


def test_what_is_behind_many_in_hand_expires(account: Connection) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    add(account, chores.AT_ONCE + 3, not_after=soon)
    outbox.claim(account, limit=chores.AT_ONCE)
    Delivery.objects.update(not_after=timezone.now() - timedelta(seconds=1))
    Place.objects.update(not_after=timezone.now() - timedelta(seconds=1))
    assert outbox.cancel_late() == 3


@pytest.mark.parametrize(("tab", "number"), [("queued", 2), ("sending", 3), ("waiting", 5), ("open", 5), ("held", 0)])
def test_the_pages_tell_what_is_in_hand_from_what_waits(account: Connection, tab: str, number: int) -> None:
    add(account, 5)
    outbox.claim(account, limit=3)
    assert Filter(state=tab).apply(Delivery.objects.all()).count() == number
