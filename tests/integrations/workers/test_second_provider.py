"""A provider of one kind, single and in bulk: all that it declares is its senders, the rest is every provider's."""

from datetime import timedelta
from itertools import chain

import pytest

from integrations.models import Connection, Delivery, Pause
from integrations.workers import worker
from tests.integrations.kettle import Kettle, add, let_pass

State = Delivery.State
pytestmark = pytest.mark.django_db(transaction=True)


def states() -> dict[str, tuple[str, str]]:
    """State and reason by key."""
    return {row.key: (row.state, row.reason_code) for row in Delivery.objects.all()}


def test_one_is_sent_by_itself(account: Connection, kettle: Kettle) -> None:
    add(account)
    worker.drain(account.pk)
    assert [len(cup) for cup in kettle.cups] == [1]
    assert set(states().values()) == {(State.ACCEPTED, "")}


def test_many_go_in_as_few_requests_as_they_fit_into(account: Connection, kettle: Kettle) -> None:
    add(account, 20)
    worker.drain(account.pk)
    assert [len(cup) for cup in kettle.cups] == [10, 10]
    assert set(states().values()) == {(State.ACCEPTED, "")}


@pytest.mark.parametrize("number", [1, 20])
def test_a_full_one_is_left_alone_and_nothing_counts_as_tried(account: Connection, kettle: Kettle, number: int) -> None:
    kettle.full_for = timedelta(seconds=30)
    add(account, number)
    worker.drain(account.pk)
    assert kettle.cups == []
    assert set(Delivery.objects.values_list("state", "attempts_made")) == {(State.QUEUED, 0)}
    assert Pause.objects.filter(code="throttled").count() == (number > 1), "there is nobody behind a single one"
    kettle.full_for = timedelta()
    let_pass()
    worker.drain(account.pk)
    assert set(states().values()) == {(State.ACCEPTED, "")}


def test_a_poisoned_row_is_found_by_halving_and_takes_no_other_along(account: Connection, kettle: Kettle) -> None:
    add(account, 29)
    add(account, body={"poison": True})
    poisoned = Delivery.objects.get(body__poison=True).key
    worker.drain(account.pk)
    let_pass()
    worker.drain(account.pk)
    told = states()
    assert told.pop(poisoned) == (State.FAILED, "invalid")
    assert set(told.values()) == {(State.ACCEPTED, "")}
    cups = list(chain.from_iterable(kettle.cups))
    assert len(cups) == len(set(cups)) == 29
