"""The outbox: deliveries are written with the fact, claimed under a lease, settled once."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from integrations import outbox, outcomes, reasons
from integrations.models import Connection, Delivery, Lease
from integrations.outbox import Order
from integrations.outcomes import Accepted, Failed, Held, Retry, Skipped

State = Delivery.State
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account() -> Connection:
    return Connection.objects.create(provider="klaviyo", account_id="VxYz12", state=Connection.State.CONNECTED)


def add(account: Connection, key: str = "", kind: str = "event", **more: Any) -> Delivery:
    with transaction.atomic():
        outbox.add(account.pk, [Order(kind, key or str(uuid.uuid4()), timezone.now(), **more)])
    return Delivery.objects.latest("pk")


def make_due(delivery: Delivery) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(next_try_at=timezone.now() - timedelta(seconds=1))


def end_lease(delivery: Delivery) -> None:
    Lease.objects.filter(pk__in=[delivery.lease]).update(until=timezone.now() - timedelta(seconds=1))


def test_a_fact_is_queued_once_however_often_it_is_told(account: Connection) -> None:
    for _ in range(3):
        add(account, "conversion:1")
    assert account.deliveries.count() == 1


def test_a_rolled_back_fact_leaves_nothing(account: Connection) -> None:
    with transaction.atomic():
        outbox.add(account.pk, [Order("event", "gone", timezone.now())])
        transaction.set_rollback(True)
    assert not account.deliveries.exists()


def test_nothing_is_queued_outside_a_transaction(account: Connection) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        outbox.add(account.pk, [Order("event", "a", timezone.now())])


def test_a_claim_counts_the_attempt_and_hands_out_each_row_once(account: Connection) -> None:
    for _ in range(5):
        add(account)
    first = outbox.claim(account, limit=3)
    second = outbox.claim(account, limit=3)
    assert len(first) == 3
    assert len(second) == 2
    assert not {d.pk for d in first} & {d.pk for d in second}
    assert {d.attempts_made for d in first} == {1}
    assert outbox.claim(account) == []


def test_nothing_is_claimed_for_an_account_that_is_not_connected(account: Connection) -> None:
    add(account)
    for state in set(Connection.State) - {Connection.State.CONNECTED}:
        Connection.objects.update(state=state)
        assert outbox.claim(account) == []


def test_a_worker_whose_lease_has_ended_cannot_settle(account: Connection) -> None:
    add(account)
    [slow] = outbox.claim(account)
    end_lease(slow)
    outbox.give_back_expired()
    [fast] = outbox.claim(account)
    assert outbox.settle(slow, Failed(reasons.of("late", "Too late."))) is False
    assert outbox.settle(fast, Accepted()) is True
    fast.refresh_from_db()
    assert fast.state == State.ACCEPTED
    assert fast.attempts_made == 1  # no request was on record of the first try


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Accepted(), State.ACCEPTED),
        (Skipped(reasons.of("unsubscribed", "No.")), State.SKIPPED),
        (Failed(reasons.of("invalid", "Bad.")), State.FAILED),
        (Held(reasons.of("scope", "Reconnect.")), State.HELD),
        (Retry(reasons.of("http_503", "Later.")), State.QUEUED),
    ],
)
def test_each_outcome_leads_to_its_state_with_code_and_sentence(
    account: Connection, outcome: outcomes.Outcome, state: str
) -> None:
    add(account)
    [delivery] = outbox.claim(account)
    outbox.settle(delivery, outcome)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason_code, delivery.reason) == (state, outcome.code, outcome.sentence)
    assert delivery.lease is None
    assert (delivery.settled_at is None) == (state in Delivery.OPEN)


def test_retries_wait_longer_each_time_and_end(account: Connection) -> None:
    delivery = add(account)
    waits = []
    for _ in range(len(outbox.BACKOFF)):
        [claimed] = outbox.claim(account)
        before = timezone.now()
        outbox.settle(claimed, Retry(reasons.of("http_503", "Klaviyo answered with status 503.")))
        delivery.refresh_from_db()
        waits.append((delivery.next_try_at - before).total_seconds())
        make_due(delivery)
    planned = [wait.total_seconds() for wait in outbox.BACKOFF]
    assert all(0.79 * p <= w <= 1.21 * p + 1 for w, p in zip(waits, planned, strict=True))
    [claimed] = outbox.claim(account)
    outbox.settle(claimed, Retry(reasons.of("http_503", "Klaviyo answered with status 503.")))
    delivery.refresh_from_db()
    assert delivery.state == State.FAILED
    assert "Given up" in delivery.reason


def test_waiting_for_the_budget_costs_no_attempt(account: Connection) -> None:
    delivery = add(account)
    for _ in range(20):
        [claimed] = outbox.claim(account)
        outbox.settle(claimed, Retry(reasons.of("throttled", "Later."), after=timedelta(0), refund=True))
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts_made) == (State.QUEUED, 0)


def test_a_delivery_that_kills_its_worker_is_tried_alone_and_then_fails(account: Connection) -> None:
    everybody = [add(account, f"fact:{number}") for number in range(40)]
    poison, sizes = everybody[7], list[int]()
    while claimed := outbox.claim(account):
        if poison in claimed:
            sizes.append(len(claimed))
            end_lease(claimed[0])
            outbox.give_back_expired()
        else:
            for delivery in claimed:
                outbox.settle(delivery, Accepted())
    assert sizes == [40, 20, 10, 5, 3, 1]
    poison.refresh_from_db()
    assert (poison.state, poison.reason_code) == (State.FAILED, "crashed_worker")
    innocent = Delivery.objects.exclude(pk=poison.pk)
    assert set(innocent.values_list("state", "crashes", "lease")) == {(State.ACCEPTED, 0, None)}


def test_one_that_is_alone_may_meet_a_few_bad_days(account: Connection) -> None:
    delivery = add(account)
    for crash in range(1, outbox.CRASHES_FAILED + 1):
        end_lease(outbox.claim(account)[0])
        outbox.give_back_expired()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.crashes) == (
            State.QUEUED if crash < outbox.CRASHES_FAILED else State.FAILED,
            crash,
        )


def test_what_a_person_asked_for_is_not_given_up_though_it_kills_its_worker(account: Connection) -> None:
    delivery = add(account, kind="unsubscribe")
    for _ in range(outbox.CRASHES_FAILED):
        end_lease(outbox.claim(account)[0])
        outbox.give_back_expired()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason_code) == (State.QUEUED, "crashed_worker")
    assert delivery.next_try_at > timezone.now() + timedelta(minutes=20)
    assert outbox.claim(account) == []


def test_what_comes_too_late_is_cancelled(account: Connection) -> None:
    late = add(account, not_after=timezone.now() - timedelta(seconds=1))
    fine = add(account, not_after=timezone.now() + timedelta(days=1))
    assert [d.pk for d in outbox.claim(account)] == [fine.pk]
    outbox.cancel_late()
    late.refresh_from_db()
    assert (late.state, late.reason_code) == (State.CANCELLED, "expired")


def test_many_changes_of_one_lane_become_one_delivery(account: Connection) -> None:
    for n in range(10):
        add(account, f"profile:ann:{n}", lane="profile:ann")
    assert account.deliveries.count() == 1


def test_a_change_while_the_lane_is_being_sent_goes_after_it(account: Connection) -> None:
    add(account, "profile:ann:1", lane="profile:ann")
    [sending] = outbox.claim(account)
    add(account, "profile:ann:2", lane="profile:ann")
    assert outbox.claim(account) == []
    outbox.settle(sending, Accepted())
    [after] = outbox.claim(account)
    assert after.key == "profile:ann:2"


def test_a_retry_gives_way_to_what_is_newer_in_its_lane(account: Connection) -> None:
    add(account, "profile:ann:1", lane="profile:ann")
    [older] = outbox.claim(account)
    add(account, "profile:ann:2", lane="profile:ann")
    outbox.settle(older, Retry(reasons.of("http_503", "Later.")))
    older.refresh_from_db()
    assert (older.state, older.reason_code) == (State.SKIPPED, "superseded")
    assert [d.key for d in outbox.claim(account)] == ["profile:ann:2"]


def test_what_is_held_flows_again_after_release(account: Connection) -> None:
    add(account)
    outbox.hold(account, reasons.of("needs_reconnect", "The account must be connected again."))
    assert outbox.claim(account) == []
    assert outbox.release(account) == 1
    assert len(outbox.claim(account)) == 1


def test_facts_of_a_lost_connection_are_held_with_its_problem(account: Connection) -> None:
    account.state, account.problem_code, account.problem = Connection.State.RECONNECT, "invalid_grant", "Reconnect."
    account.save()
    delivery = add(account)
    assert outbox.claim(account) == []
    outbox.hold_strays()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason_code, delivery.reason) == (State.HELD, "invalid_grant", "Reconnect.")


def test_what_was_queued_while_the_connection_was_lost_is_held_by_the_sweep(account: Connection) -> None:
    delivery = add(account)
    Connection.objects.update(state=Connection.State.DISCONNECTED)
    assert outbox.hold_strays() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.reason_code) == (State.HELD, "disconnected")


def test_a_fact_that_cannot_be_told_is_on_record_as_failed(account: Connection) -> None:
    delivery = add(account, outcome=Failed(reasons.of("malformed_email", "The e-mail address is malformed.")))
    assert (delivery.state, delivery.reason_code) == (State.FAILED, "malformed_email")
    assert delivery.settled_at is not None
    assert outbox.claim(account) == []


def test_an_operator_may_retry_what_failed_with_the_same_body(account: Connection) -> None:
    delivery = add(account, body={"data": 1})
    [claimed] = outbox.claim(account)
    outbox.settle(claimed, Failed(reasons.of("invalid", "Bad.")))
    assert outbox.retry(Delivery.objects.filter(pk=delivery.pk)) == 1
    [again] = outbox.claim(account)
    assert (again.pk, again.body, again.attempts_made) == (delivery.pk, {"data": 1}, 2)


def test_what_was_accepted_is_never_sent_again(account: Connection) -> None:
    add(account)
    [claimed] = outbox.claim(account)
    outbox.settle(claimed, Accepted())
    assert outbox.retry(Delivery.objects.all()) == 0
