"""The circuit breaker: an account that does not answer is left alone; its beginning, its length, its end.

Of refusals, here is what a worker remembers between them; what they lead to, with Klaviyo: test_freezing.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations import outbox, pauses, reasons
from integrations.errors import PermanentError, Throttled
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.pauses import circuit_breaker
from integrations.workers import worker
from tests.integrations.kettle import AWAY, Kettle, add, attempt, connected, let_pass

State = Delivery.State
pytestmark = pytest.mark.django_db(transaction=True)
FIRST, LONGEST = 30, 15 * 60
NO = PermanentError(reasons.of("invalid", "No."))


def bad_minute(account: Connection, failed: int, well: int = 0) -> None:
    for _ in range(well):
        attempt(account)
    for _ in range(failed):
        attempt(account, status=503, code="http_503")


def is_refused(account: Connection) -> bool:
    """One more delivery is refused; whether its kind is found to be frozen."""
    add(account)
    delivery = Delivery.objects.latest("pk")
    attempt(account, delivery, status=400, code=NO.code)
    return circuit_breaker.note(account, NO, [delivery]) is not NO


def rest(account: Connection) -> timedelta:
    pause = Pause.objects.filter(connection=account, kind=pauses.EVERYTHING).first()
    return pause.until - timezone.now() if pause else timedelta()


@pytest.mark.parametrize(("failed", "well", "opens"), [(9, 0, False), (10, 0, True), (7, 3, True), (13, 7, False)])
def test_it_opens_when_most_of_the_last_minute_failed(account: Connection, failed: int, well: int, opens: bool) -> None:
    bad_minute(account, failed, well)
    circuit_breaker.note(account, AWAY)
    assert bool(rest(account)) is opens


def test_what_is_older_than_a_minute_is_forgotten(account: Connection) -> None:
    bad_minute(account, 20)
    Attempt.objects.update(started_at=timezone.now() - timedelta(seconds=61))
    circuit_breaker.note(account, AWAY)
    assert not rest(account)


@pytest.mark.parametrize(("status", "code"), [(400, "invalid"), (403, "edge_refused"), (429, "throttled")])
def test_an_account_that_refuses_answers_all_the_same(account: Connection, status: int, code: str) -> None:
    for _ in range(20):
        attempt(account, status=status, code=code)
    circuit_breaker.note(account, AWAY)
    assert not rest(account)


def test_faults_of_our_own_are_not_the_accounts(account: Connection) -> None:
    for _ in range(20):
        attempt(account, status=None, code="internal_error")
    circuit_breaker.note(account, AWAY)
    assert not rest(account)


@pytest.mark.parametrize(
    "error", [PermanentError(reasons.of("invalid", "No.")), Throttled("Wait.", retry_after=timedelta(1))]
)
def test_a_refusal_or_a_limit_opens_nothing(account: Connection, error: Any) -> None:
    bad_minute(account, 20)
    circuit_breaker.note(account, error)
    assert not rest(account)


def test_while_it_is_open_nothing_of_the_account_is_claimed(account: Connection, kettle: Kettle) -> None:
    add(account, 3)
    bad_minute(account, 10)
    circuit_breaker.note(account, AWAY)
    worker.drain(account.pk)
    assert kettle.took == []
    assert outbox.connections_with_work() == []
    assert set(Delivery.objects.values_list("state", "attempts_made")) == {(State.QUEUED, 0)}


def test_another_account_is_not_affected(account: Connection, kettle: Kettle) -> None:
    other = connected("B2")
    add(account, 3)
    add(other, 3)
    bad_minute(account, 10)
    circuit_breaker.note(account, AWAY)
    assert outbox.connections_with_work() == [other.pk]
    worker.drain(other.pk)
    assert other.deliveries.filter(state=State.ACCEPTED).count() == 3


def test_afterwards_one_delivery_finds_out_and_the_rest_follow(account: Connection, kettle: Kettle) -> None:
    add(account, 4)
    bad_minute(account, 10)
    circuit_breaker.note(account, AWAY)
    let_pass()
    worker.drain(account.pk)
    assert kettle.took == [(account.pk, 1), (account.pk, 3)]
    assert not Pause.objects.exists()


def test_it_grows_from_half_a_minute_to_a_quarter_of_an_hour(account: Connection, kettle: Kettle) -> None:
    add(account, 4)
    kettle.is_away = True
    bad_minute(account, 10)
    circuit_breaker.note(account, AWAY)
    lengths = [rest(account).total_seconds()]
    for _ in range(7):
        let_pass()
        Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=2))
        worker.drain(account.pk)
        lengths.append(rest(account).total_seconds())
    expected = [min(FIRST * 2**number, LONGEST) for number in range(8)]
    assert all(least - 2 <= length <= least * 1.1 for least, length in zip(expected, lengths, strict=True))
    assert [size for _, size in kettle.took] == [1] * 7


def test_what_was_under_way_when_it_opened_makes_it_no_longer(account: Connection) -> None:
    bad_minute(account, 10)
    for _ in range(5):
        circuit_breaker.note(account, AWAY)
    assert Pause.objects.get().strikes == 1


def test_an_old_success_does_not_close_it(account: Connection, kettle: Kettle) -> None:
    add(account, 1)
    delivery = Delivery.objects.get()
    attempt(account, delivery)
    Attempt.objects.update(started_at=timezone.now() - timedelta(hours=1))
    bad_minute(account, 10)
    circuit_breaker.note(account, AWAY)
    let_pass()
    pauses.passed(account, [delivery])
    assert Pause.objects.exists()


def test_the_fiftieth_row_that_is_refused_freezes_its_kind(account: Connection) -> None:
    assert [is_refused(account) for _ in range(circuit_breaker.ROWS)] == [False] * (circuit_breaker.ROWS - 1) + [True]
    assert Pause.objects.get().code == pauses.FROZEN


def test_what_another_worker_meets_meanwhile_counts_as_well(account: Connection) -> None:
    assert not is_refused(account)
    for _ in range(circuit_breaker.ROWS // 2):
        attempt(account, status=400, code=NO.code)
    assert True in [is_refused(account) for _ in range(circuit_breaker.ROWS // 2)]


def test_a_bad_row_of_a_healthy_account_costs_no_look_at_what_is_on_record(account: Connection) -> None:
    attempt(account)
    assert not is_refused(account)
    rows = list(Delivery.objects.all())
    with CaptureQueriesContext(database) as queries:
        for _ in range(10):
            assert circuit_breaker.note(account, NO, rows) is NO
    assert len(queries) == 10
    assert not any("attempt" in query["sql"] for query in queries)


def test_a_freeze_that_another_worker_has_begun_counts_at_once(account: Connection) -> None:
    connected("B2")
    assert not is_refused(account)
    pauses.trouble(None, "event", pauses.FROZEN, "No.", most=timedelta(hours=1))
    assert is_refused(account)
