"""Many held deliveries are let go, held or taken back some at a time, however often the work breaks off."""

import pytest
from django.db import transaction
from django.utils import timezone

from integrations import outbox, providers, reasons
from integrations.models import Chore, Connection, Delivery
from integrations.outbox import chores
from integrations.providers import Kind
from integrations.workers import worker

State = Delivery.State
MANY = 5_000
WHY = reasons.of("needs_reconnect", "The account must be connected again.")


@pytest.fixture(autouse=True)
def acts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers, "persons_acts", lambda: {"unsubscribe", "erase"})


@pytest.fixture
def account(transactional_db: None) -> Connection:
    return Connection.objects.create(
        provider="kettle", account_id="K1", account_name="Tea", state=Connection.State.CONNECTED
    )


def wait(account: Connection, number: int, state: str = State.HELD, kind: str = "event") -> None:
    now, known = timezone.now(), Delivery.objects.count()
    Delivery.objects.bulk_create(
        [
            Delivery(connection=account, kind=kind, key=f"{known + n}", state=state, occurred_at=now)
            for n in range(number)
        ],
        batch_size=1_000,
    )


def number_of(state: str, **more: str) -> int:
    return Delivery.objects.filter(state=state, **more).count()


def until_done() -> int:
    portions = 0
    while Chore.objects.exists():
        worker.sweep()
        portions += 1
        assert portions < 1_000
    return portions


def test_a_reconnect_touches_few_rows_and_the_sweep_the_rest(account: Connection) -> None:
    wait(account, MANY)
    with transaction.atomic():
        assert outbox.release(account) == number_of(State.QUEUED) == chores.AT_ONCE
    assert outbox.is_releasing(account)
    until_done()
    assert number_of(State.QUEUED) == MANY
    assert not outbox.is_releasing(account)


def test_what_persons_did_goes_first(account: Connection) -> None:
    wait(account, chores.AT_ONCE + 10)
    wait(account, 20, kind="unsubscribe")
    wait(account, 20, kind="erase")
    outbox.release(account)
    assert number_of(State.HELD, kind="unsubscribe") == number_of(State.HELD, kind="erase") == 0
    assert number_of(State.HELD) == 10
    until_done()
    assert number_of(State.HELD) == 0


def test_so_they_do_when_there_are_many(account: Connection) -> None:
    wait(account, 10)
    wait(account, 2 * chores.AT_ONCE + 1, kind="unsubscribe")
    outbox.release(account)
    assert number_of(State.QUEUED) == number_of(State.QUEUED, kind="unsubscribe") == chores.AT_ONCE
    until_done()
    assert number_of(State.HELD) == 0


def test_what_is_held_later_is_not_meant(account: Connection) -> None:
    wait(account, chores.AT_ONCE + 1)
    outbox.release(account)
    wait(account, 3)
    until_done()
    assert number_of(State.HELD) == 3


def test_what_is_held_again_meanwhile_is_not_let_go_again_and_again(account: Connection) -> None:
    wait(account, 2 * chores.AT_ONCE)
    outbox.release(account)
    Delivery.objects.filter(state=State.QUEUED).update(state=State.HELD)
    until_done()
    assert number_of(State.HELD) == chores.AT_ONCE


def test_an_account_that_is_lost_again_keeps_what_is_left_and_a_reconnect_begins_anew(account: Connection) -> None:
    wait(account, 3 * chores.AT_ONCE)
    outbox.release(account)
    Connection.objects.update(state=Connection.State.RECONNECT)
    account.refresh_from_db()
    outbox.hold(account, WHY)
    worker.sweep()
    assert number_of(State.HELD) == 3 * chores.AT_ONCE
    assert not outbox.is_releasing(account)
    Connection.objects.update(state=Connection.State.CONNECTED)
    outbox.release(account)
    outbox.release(account)
    until_done()
    assert number_of(State.QUEUED) == 3 * chores.AT_ONCE


def test_a_portion_that_breaks_off_is_done_by_the_next_sweep(
    account: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait(account, 3 * chores.AT_ONCE)
    outbox.release(account)

    class Killed(BaseException):
        pass

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as mortal:
        mortal.setattr(Chore, "save", die)
        with pytest.raises(Killed):
            worker.sweep()
    assert number_of(State.QUEUED) == chores.AT_ONCE
    until_done()
    assert number_of(State.HELD) == 0


def test_a_loss_holds_few_rows_at_once_and_nothing_flows(account: Connection) -> None:
    wait(account, MANY, State.QUEUED)
    Connection.objects.update(state=Connection.State.RECONNECT)
    account.refresh_from_db()
    assert outbox.hold(account, WHY) == chores.AT_ONCE
    assert outbox.connections_with_work() == []
    for _ in range(20):
        outbox.hold_strays()
    assert number_of(State.HELD) == MANY


def test_what_an_operator_takes_back_is_not_let_go_by_a_quick_reconnect(account: Connection) -> None:
    wait(account, 2 * chores.AT_ONCE)
    wait(account, chores.AT_ONCE, State.QUEUED)
    wait(account, 2, kind="unsubscribe")
    assert outbox.take_back(account, outbox.TAKEN_BACK) == 3 * chores.AT_ONCE
    assert number_of(State.CANCELLED) == chores.AT_ONCE
    assert outbox.release(account) == 0
    assert outbox.is_taking_back(account.pk)
    until_done()
    assert number_of(State.CANCELLED) == 3 * chores.AT_ONCE
    assert number_of(State.QUEUED) == number_of(State.QUEUED, kind="unsubscribe") == 2


def test_the_kinds_say_what_is_a_persons_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    known = {
        kind.name
        for provider in map(providers.get, providers.slugs())
        for kind in provider.kinds
        if kind.is_a_persons_act
    }
    assert providers.persons_acts() == known >= {"unsubscribe", "erase"}
    assert not Kind("x", print).is_a_persons_act
