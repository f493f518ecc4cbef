"""Accounts are paused, not rows: what rests, for how long, what ends it, and that nobody else is kept waiting."""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations import breaker, claiming, draining, outbox, pauses, providers, slots, waking
from integrations.errors import PermanentError, TemporaryError, Throttled
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.outbox import Order
from integrations.outcomes import Accepted
from integrations.providers import Bulk, Provider

State = Delivery.State
pytestmark = pytest.mark.django_db(transaction=True)
AWAY = TemporaryError("http_503", "It does not answer.")
FIRST, LONGEST = 30, 15 * 60


class Kettle:
    """A provider that takes what it is given, or does not answer; `took` holds each batch's size."""

    def __init__(self) -> None:
        self.is_away = False
        self.took: list[tuple[int, int]] = []

    def deliver(self, connection: Connection, deliveries: Sequence[Delivery]) -> None:
        self.took.append((connection.pk, len(deliveries)))
        attempt(connection, *deliveries, status=503 if self.is_away else 200, code="http_503" if self.is_away else "")
        if self.is_away:
            raise AWAY
        outbox.settle_all(deliveries, Accepted())


@pytest.fixture
def kettle() -> Any:
    kettle = Kettle()
    told: Any = {"addresses": None, "identify": None, "served": lambda _: {}}
    bulk = Bulk("event", 10, kettle.deliver)
    providers.register(
        Provider("kettle", "Kettle", (), deliver=kettle.deliver, bulks=(bulk,), bulk_from=lambda: 5, **told)
    )
    yield kettle
    providers._registered.pop("kettle")


@pytest.fixture
def account(kettle: Kettle) -> Connection:
    return connected("A1")


def connected(id: str) -> Connection:
    return Connection.objects.create(provider="kettle", account_id=id, state=Connection.State.CONNECTED)


def add(account: Connection, number: int = 1, **more: Any) -> None:
    orders = [Order(more.get("kind", "event"), str(uuid.uuid4()), timezone.now()) for _ in range(number)]
    with transaction.atomic():
        outbox.add(account, orders)


def attempt(account: Connection, *deliveries: Delivery, status: int | None = 200, code: str = "") -> Attempt:
    now = timezone.now()
    made = Attempt.objects.create(
        connection=account, operation="pour", started_at=now, finished_at=now, status=status, code=code
    )
    made.deliveries.set(deliveries)
    return made


def bad_minute(account: Connection, failed: int, well: int = 0) -> None:
    for _ in range(well):
        attempt(account)
    for _ in range(failed):
        attempt(account, status=503, code="http_503")


def rest(account: Connection) -> timedelta:
    pause = Pause.objects.filter(connection=account, kind=pauses.EVERYTHING).first()
    return pause.until - timezone.now() if pause else timedelta()


def let_pass() -> None:
    Pause.objects.update(until=timezone.now() - timedelta(seconds=1))
    Delivery.objects.filter(state=State.QUEUED).update(next_try_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.parametrize(("failed", "well", "opens"), [(9, 0, False), (10, 0, True), (7, 3, True), (13, 7, False)])
def test_it_opens_when_most_of_the_last_minute_failed(account: Connection, failed: int, well: int, opens: bool) -> None:
    bad_minute(account, failed, well)
    breaker.note(account, AWAY)
    assert bool(rest(account)) is opens


def test_what_is_older_than_a_minute_is_forgotten(account: Connection) -> None:
    bad_minute(account, 20)
    Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=61))
    breaker.note(account, AWAY)
    assert not rest(account)


@pytest.mark.parametrize(("status", "code"), [(400, "invalid"), (403, "edge_refused"), (429, "throttled")])
def test_an_account_that_refuses_answers_all_the_same(account: Connection, status: int, code: str) -> None:
    for _ in range(20):
        attempt(account, status=status, code=code)
    breaker.note(account, AWAY)
    assert not rest(account)


def test_faults_of_our_own_are_not_the_accounts(account: Connection) -> None:
    for _ in range(20):
        attempt(account, status=None, code="internal_error")
    breaker.note(account, AWAY)
    assert not rest(account)


@pytest.mark.parametrize("error", [PermanentError("invalid", "No."), Throttled("Wait.", retry_after=timedelta(1))])
def test_a_refusal_or_a_limit_opens_nothing(account: Connection, error: Any) -> None:
    bad_minute(account, 20)
    breaker.note(account, error)
    assert not rest(account)


def test_while_it_is_open_nothing_of_the_account_is_claimed(account: Connection, kettle: Kettle) -> None:
    add(account, 3)
    bad_minute(account, 10)
    breaker.note(account, AWAY)
    draining.drain(account.pk)
    assert kettle.took == []
    assert outbox.connections_with_work() == []
    assert set(Delivery.objects.values_list("state", "attempts_made")) == {(State.QUEUED, 0)}


def test_another_account_is_not_affected(account: Connection, kettle: Kettle) -> None:
    other = connected("B2")
    add(account, 3)
    add(other, 3)
    bad_minute(account, 10)
    breaker.note(account, AWAY)
    assert outbox.connections_with_work() == [other.pk]
    draining.drain(other.pk)
    assert other.deliveries.filter(state=State.ACCEPTED).count() == 3


def test_afterwards_one_delivery_finds_out_and_the_rest_follow(account: Connection, kettle: Kettle) -> None:
    add(account, 4)
    bad_minute(account, 10)
    breaker.note(account, AWAY)
    let_pass()
    draining.drain(account.pk)
    assert kettle.took == [(account.pk, 1), (account.pk, 3)]
    assert not Pause.objects.exists()


def test_it_grows_from_half_a_minute_to_a_quarter_of_an_hour(account: Connection, kettle: Kettle) -> None:
    add(account, 4)
    kettle.is_away = True
    bad_minute(account, 10)
    breaker.note(account, AWAY)
    lengths = [rest(account).total_seconds()]
    for _ in range(7):
        let_pass()
        Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=2))
        draining.drain(account.pk)
        lengths.append(rest(account).total_seconds())
    expected = [min(FIRST * 2**number, LONGEST) for number in range(8)]
    assert all(least - 2 <= length <= least * 1.1 for least, length in zip(expected, lengths, strict=True))
    assert [size for _, size in kettle.took] == [1] * 7


def test_what_was_under_way_when_it_opened_makes_it_no_longer(account: Connection) -> None:
    bad_minute(account, 10)
    for _ in range(5):
        breaker.note(account, AWAY)
    assert Pause.objects.get().strikes == 1


def test_an_old_success_does_not_close_it(account: Connection, kettle: Kettle) -> None:
    add(account, 1)
    delivery = Delivery.objects.get()
    attempt(account, delivery)
    Attempt.objects.update(started_at=timezone.now() - timedelta(hours=1))
    bad_minute(account, 10)
    breaker.note(account, AWAY)
    let_pass()
    pauses.passed(account, [delivery])
    assert Pause.objects.exists()


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


def test_the_least_recently_served_comes_first(account: Connection, kettle: Kettle) -> None:
    others = [connected(f"B{number}") for number in range(3)]
    for connection in (account, *others):
        add(connection, 1)
    now = timezone.now()
    for minutes, connection in zip((1, 5, 3), (account, others[0], others[1]), strict=True):
        Connection.objects.filter(pk=connection.pk).update(served_at=now - timedelta(minutes=minutes))
    assert outbox.connections_with_work() == [others[2].pk, others[0].pk, others[1].pk, account.pk]


def test_at_most_half_of_the_slots_are_at_one_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_slots", 4)
    with slots.one(1) as first, slots.one(1) as second, slots.one(1) as third, slots.one(2) as other:
        assert (first, second, third, other) == (True, True, False, True)
    with slots.one(1) as again:
        assert again


def test_a_single_worker_serves_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "_slots", 1)
    with slots.one(1) as first:
        assert first


def test_a_turn_ends_after_its_time_and_the_rest_wakes_another(
    account: Connection, kettle: Kettle, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(draining, "QUANTUM_SECONDS", 0.0)
    monkeypatch.setattr(waking, "now", lambda connection_id, **_: woken.append(connection_id))
    add(account, 3)
    woken.clear()
    draining.drain(account.pk)
    assert woken == [account.pk]
    assert kettle.took == []


def test_few_go_mixed_and_many_of_a_kind_in_one_request(account: Connection, kettle: Kettle) -> None:
    add(account, 2, kind="profile")
    add(account, 12)
    batches = [(len(batch), bulk) for batch, bulk in claiming.batches(account) if batch]
    assert [(size, bulk and bulk.kind) for size, bulk in batches] == [(2, None), (10, "event")]


def test_a_bulk_request_takes_the_oldest_and_a_tenth_of_the_newest(account: Connection, kettle: Kettle) -> None:
    add(account, 30)
    pks = list(Delivery.objects.order_by("pk").values_list("pk", flat=True))
    for number, pk in enumerate(pks):
        Delivery.objects.filter(pk=pk).update(next_try_at=timezone.now() - timedelta(seconds=100 - number))
    ((batch, _),) = [(batch, bulk) for batch, bulk in claiming.batches(account) if batch]
    assert [delivery.pk for delivery in batch] == [*pks[:9], pks[-1]]


def test_what_is_fresh_goes_before_what_has_waited(account: Connection, kettle: Kettle) -> None:
    add(account, 4)
    Delivery.objects.update(next_try_at=timezone.now() - timedelta(minutes=1))
    old = set(Delivery.objects.values_list("pk", flat=True))
    add(account, 1)
    first, second = [batch for batch, _ in claiming.batches(account) if batch]
    assert {delivery.pk for delivery in second} == old
    assert len(first) == 1
    assert claiming.is_backlog(second)
    assert not claiming.is_backlog(first)
