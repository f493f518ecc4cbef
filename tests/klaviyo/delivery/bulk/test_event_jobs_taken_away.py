"""Events that are taken from a worker before it sends them: by another worker, a disconnect, an erasure, or its end."""

from typing import Any

import pytest

from integrations import outbox, shutdown
from integrations.models import Attempt, Connection, Delivery
from integrations.workers import batches, worker
from klaviyo.delivery.erasure import erase
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate, Program
from tests.conftest import Connect, Drain
from tests.klaviyo.delivery.bulk.crowd import (
    JOB,
    VISIT,
    VISITS,
    assert_each_once,
    joined,
    older,
    the_connection,
    tried,
    visits,
)
from tests.klaviyo.story import TEA, State, end_leases, make_due, states


def test_what_another_worker_has_taken_is_not_sent(sandbox: Sandbox, waiting: list[Delivery], drain: Drain) -> None:
    connection = the_connection()
    ((batch, bulk),) = _claimed(connection)
    end_leases()
    outbox.give_back_expired()
    worker.deliver(connection, batch, bulk)
    assert sandbox.requests(JOB) == []
    assert Attempt.objects.filter(operation=JOB).count() == 0
    drain()
    assert_each_once(sandbox)
    assert states() == {State.ACCEPTED}


def _claimed(connection: Connection) -> list[Any]:
    return [(batch, bulk) for batch, bulk in batches.batches(connection) if batch]


def test_one_that_is_taken_keeps_none_of_the_others(sandbox: Sandbox, waiting: list[Delivery], drain: Drain) -> None:
    connection = the_connection()
    ((batch, bulk),) = _claimed(connection)
    Delivery.objects.filter(pk=batch[3].pk).update(state=State.CANCELLED, lease=None)
    worker.deliver(connection, batch, bulk)
    drain()
    assert Delivery.objects.filter(state=State.ACCEPTED, options__metric="referred_visit").count() == VISITS - 1
    assert_each_once(sandbox)


def test_a_disconnect_in_the_middle_holds_what_is_left_and_a_reconnect_sends_it(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, connect: Connect
) -> None:
    connection = the_connection()
    sandbox.uninstall(TEA)
    drain()
    worker.sweep()
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
    erase.erase(other.email, None)
    for batch, bulk in claimed:
        worker.deliver(connection, batch, bulk)
    drain()
    assert [event for event in sandbox.events(TEA, VISIT) if event.email == other.email] == []
    assert Delivery.objects.filter(subject=other.email).exclude(kind="erase").count() == 0
    assert len(sandbox.events(TEA, VISIT)) == VISITS + 6


def test_asked_to_end_a_worker_gives_back_what_it_has_not_sent(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = the_connection()
    ((batch, bulk),) = _claimed(connection)
    monkeypatch.setattr(shutdown, "_is_asked", True)
    worker.deliver(connection, batch, bulk)
    assert sandbox.requests(JOB) == []
    assert states(options__metric="referred_visit") == {State.QUEUED}
    assert tried() == {0}
    monkeypatch.setattr(shutdown, "_is_asked", False)
    older()
    drain()
    assert_each_once(sandbox)
