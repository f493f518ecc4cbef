"""What a job cannot settle goes through the single endpoint: each event stands at Klaviyo once, whatever happens."""

from typing import Any

import pytest
import requests

from integrations import claiming, draining, http, outbox, pauses, stopping
from integrations.models import Attempt, Connection, Delivery, Pause
from klaviyo import erasing
from klaviyo.api import transport
from klaviyo.api.operation import Operation
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate, Program
from tests import budgets
from tests.conftest import Connect, Drain
from tests.klaviyo.bulk.crowd import (
    JOB,
    SINGLE,
    VISIT,
    assert_each_once,
    come_back,
    joined,
    older,
    the_connection,
    unique_id,
    visits,
)
from tests.klaviyo.story import TEA, State, end_leases, make_due, states

NOBODY_KNOWS = ("accept_then_drop", "truncated", "500", "502", "503", "504", "wrong_success", "not_json", "reset",
                "html_403", "redirect", "huge", "empty_list")  # fmt: skip
NUMBER = 24


@pytest.fixture
def waiting(ann: Advocate, drain: Drain) -> list[Delivery]:
    """So many visits of Ann's friends wait; she herself is at Klaviyo already."""
    drain()
    visits(ann, NUMBER)
    Delivery.objects.filter(kind="profile", state=State.QUEUED).delete()
    return list(Delivery.objects.filter(state=State.QUEUED).order_by("pk"))


def tried() -> set[int]:
    return set(Delivery.objects.filter(options__metric="referred_visit").values_list("attempts_made", flat=True))


@pytest.mark.parametrize("number", [0, 11, 23])
def test_a_bad_one_is_taken_out_by_its_pointer(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, number: int
) -> None:
    sandbox.settings(malformed=(unique_id(waiting[number]),))
    drain()
    make_due()
    drain()
    assert len(sandbox.requests(JOB)) == 2
    assert len(sandbox.requests(SINGLE)) == 1 + 1
    failed = Delivery.objects.get(state=State.FAILED)
    assert failed == waiting[number]
    assert "time" in failed.reason
    assert_each_once(sandbox)


def test_a_bad_one_that_nobody_names_is_found_by_halving(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain
) -> None:
    sandbox.settings(malformed=(unique_id(waiting[17]),))
    sandbox.fault(JOB, "no_pointer", count=100)
    drain()
    make_due()
    drain()
    assert Delivery.objects.get(state=State.FAILED) == waiting[17]
    assert len(sandbox.events(TEA, VISIT)) == NUMBER - 1
    assert_each_once(sandbox)


def test_several_bad_ones_cost_none_of_the_others(sandbox: Sandbox, waiting: list[Delivery], drain: Drain) -> None:
    bad = waiting[3], waiting[4], waiting[20]
    sandbox.settings(malformed=tuple(map(unique_id, bad)))
    drain()
    make_due()
    drain()
    assert set(Delivery.objects.filter(state=State.FAILED)) == set(bad)
    assert_each_once(sandbox)


@pytest.mark.parametrize("refuses_known", [False, True], ids=["", "known ids are refused"])
@pytest.mark.parametrize("kind", NOBODY_KNOWS)
def test_of_which_nobody_knows_is_settled_one_by_one(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, kind: str, refuses_known: bool
) -> None:
    sandbox.settings(bulk_refuses_known_ids=refuses_known)
    sandbox.fault(JOB, kind)
    drain()
    come_back(drain)
    assert states() == {State.ACCEPTED}
    assert_each_once(sandbox)
    assert len(sandbox.requests(JOB)) == 1
    assert len(sandbox.requests(SINGLE)) == 1 + NUMBER


def test_a_time_out_is_settled_one_by_one(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.5)
    sandbox.settings(bulk_refuses_known_ids=True)
    sandbox.fault(JOB, "slow", delay=1.5)
    drain()
    monkeypatch.undo()
    come_back(drain)
    assert states() == {State.ACCEPTED}
    assert_each_once(sandbox)


def test_what_never_left_goes_in_a_job_again(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = transport.send

    def away(asked: Operation, token: str, **request: Any) -> requests.Response:
        if asked.id == JOB:
            with monkeypatch.context() as nowhere:
                nowhere.setattr("django.conf.settings.KLAVIYO_API_URL", "http://127.0.0.1:9")
                return send(asked, token, **request)
        return send(asked, token, **request)

    monkeypatch.setattr(transport, "send", away)
    drain()
    assert set(Delivery.objects.filter(state=State.QUEUED).values_list("reason_code", flat=True)) == {"unreachable"}
    assert tried() == {0}
    monkeypatch.setattr(transport, "send", send)
    make_due()
    drain()
    assert len(sandbox.requests(JOB)) == 1
    assert len(sandbox.requests(SINGLE)) == 1
    assert_each_once(sandbox)


@pytest.mark.parametrize("after", ["7", "date", "missing", "-1", "abc", "99999999"])
def test_being_asked_for_patience_pauses_the_account_and_leaves_rows_alone(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, after: str
) -> None:
    sandbox.fault(JOB, "429", retry_after=after)
    drain()
    assert len(sandbox.requests(JOB)) == 1
    pause = Pause.objects.get()
    assert (pause.kind, pause.code, pause.connection) == ("event", pauses.THROTTLED, the_connection())
    assert Delivery.objects.filter(state=State.QUEUED).count() == NUMBER
    assert tried() == {0}
    assert outbox.connections_with_work() == []


def test_afterwards_it_goes_on_in_a_job(sandbox: Sandbox, waiting: list[Delivery], drain: Drain) -> None:
    sandbox.fault(JOB, "429", retry_after="1")
    drain()
    budgets.forget()
    make_due()
    drain()
    assert [entry.status for entry in sandbox.requests(JOB)] == [429, 202]
    assert len(sandbox.requests(SINGLE)) == 1
    assert_each_once(sandbox)


def test_a_look_up_that_fails_is_no_attempt(sandbox: Sandbox, spring: Program, ann: Advocate, drain: Drain) -> None:
    drain()
    for person in joined(spring, 3):
        visits(person, 4)
    Delivery.objects.filter(kind="profile").delete()
    sandbox.fault("get_profiles", "503")
    draining.drain(the_connection().pk)
    assert set(Delivery.objects.filter(state=State.QUEUED).values_list("attempts_made", flat=True)) == {0}
    come_back(drain)
    assert states() == {State.ACCEPTED}
    assert_each_once(sandbox)


def test_what_another_worker_has_taken_is_not_sent(sandbox: Sandbox, waiting: list[Delivery], drain: Drain) -> None:
    connection = the_connection()
    ((batch, bulk),) = _claimed(connection)
    end_leases()
    outbox.give_back_expired()
    draining.deliver(connection, batch, bulk)
    assert sandbox.requests(JOB) == []
    assert Attempt.objects.filter(operation=JOB).count() == 0
    drain()
    assert_each_once(sandbox)
    assert states() == {State.ACCEPTED}


def _claimed(connection: Connection) -> list[Any]:
    return [(batch, bulk) for batch, bulk in claiming.batches(connection) if batch]


def test_one_that_is_taken_keeps_none_of_the_others(sandbox: Sandbox, waiting: list[Delivery], drain: Drain) -> None:
    connection = the_connection()
    ((batch, bulk),) = _claimed(connection)
    Delivery.objects.filter(pk=batch[3].pk).update(state=State.CANCELLED, lease=None)
    draining.deliver(connection, batch, bulk)
    drain()
    assert Delivery.objects.filter(state=State.ACCEPTED, options__metric="referred_visit").count() == NUMBER - 1
    assert_each_once(sandbox)


def test_a_disconnect_in_the_middle_holds_what_is_left_and_a_reconnect_sends_it(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, connect: Connect
) -> None:
    connection = the_connection()
    sandbox.uninstall(TEA)
    drain()
    draining.sweep()
    assert Connection.objects.get().state == Connection.State.RECONNECT
    assert states(options__metric="referred_visit") == {State.HELD}
    connect()
    make_due()
    drain()
    assert Connection.objects.get() == connection
    assert states() == {State.ACCEPTED}
    assert_each_once(sandbox)


def test_whoever_is_erased_while_a_batch_is_claimed_is_not_told_of(
    sandbox: Sandbox, spring: Program, ann: Advocate, waiting: list[Delivery], drain: Drain
) -> None:
    other = joined(spring, 1)[0]
    drain()
    visits(other, 6)
    visits(ann, 6)
    connection = the_connection()
    claimed = _claimed(connection)
    erasing.erase(other.email, None)
    for batch, bulk in claimed:
        draining.deliver(connection, batch, bulk)
    drain()
    assert [event for event in sandbox.events(TEA, VISIT) if event.email == other.email] == []
    assert Delivery.objects.filter(subject=other.email).exclude(kind="erase").count() == 0
    assert len(sandbox.events(TEA, VISIT)) == NUMBER + 6


def test_asked_to_end_a_worker_gives_back_what_it_has_not_sent(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = the_connection()
    ((batch, bulk),) = _claimed(connection)
    monkeypatch.setattr(stopping, "_is_asked", True)
    draining.deliver(connection, batch, bulk)
    assert sandbox.requests(JOB) == []
    assert states(options__metric="referred_visit") == {State.QUEUED}
    assert tried() == {0}
    monkeypatch.setattr(stopping, "_is_asked", False)
    older()
    drain()
    assert_each_once(sandbox)
