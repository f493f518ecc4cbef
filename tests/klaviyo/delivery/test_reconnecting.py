"""An account that is lost and comes back: nothing stays behind, and nothing that waited is given up for its age."""

import json
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations import connections, outbox, reasons
from integrations.models import Connection, Delivery
from integrations.outbox import Order
from integrations.workers import worker
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Connect, Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import BEN, TEA, State, make_due, metrics, states

LONG_AGO = timedelta(days=4)


def lose_the_account() -> None:
    connections.mark_reconnect(Connection.objects.get(), reasons.of("access_withdrawn", "The app was removed."))


def test_all_that_waited_for_the_account_flows_when_it_is_back(
    sandbox: Sandbox, ann: Advocate, drain: Drain, connect: Connect
) -> None:
    sandbox.uninstall(TEA)
    drain()
    lifecycle.invite(ann, BEN)
    worker.sweep()
    assert states() == {State.HELD}
    connect()
    drain()
    assert states() == {State.ACCEPTED}
    assert metrics(sandbox, BEN) == ["Sorae Invite Received"]


def test_a_refusal_of_old_access_does_not_undo_a_reconnect(
    sandbox: Sandbox, ann: Advocate, drain: Drain, connect: Connect, spoil: Spoil
) -> None:
    asked = 0

    def outdated(_: Any) -> tuple[int, bytes]:
        nonlocal asked
        asked += 1
        if asked == 2:
            connect()
        return 401, json.dumps({"errors": [{"id": "1", "status": 401, "code": "authentication_failed"}]}).encode()

    spoil("get_profiles", outdated, times=2)
    drain()
    worker.sweep()
    make_due()
    drain()
    assert Connection.objects.get().is_connected
    assert states() == {State.ACCEPTED}


def test_a_fact_written_by_somebody_who_saw_the_account_lost_is_not_left_behind(
    sandbox: Sandbox, ann: Advocate, drain: Drain, connect: Connect
) -> None:
    drain()
    lose_the_account()
    stale = Connection.objects.get()
    connect()
    with transaction.atomic():
        outbox.add(stale.pk, [Order("event", "told late", timezone.now())])
    worker.sweep()
    assert Delivery.objects.get(key="told late").state == State.QUEUED


def test_what_was_held_for_days_survives_a_passing_fault_afterwards(
    sandbox: Sandbox, ann: Advocate, drain: Drain, connect: Connect
) -> None:
    lose_the_account()
    assert states() == {State.HELD}
    Delivery.objects.update(created_at=timezone.now() - LONG_AGO)
    connect()
    sandbox.fault("get_profiles", "503", count=1)
    drain()
    assert states() == {State.QUEUED}
    make_due()
    drain()
    assert states() == {State.ACCEPTED}


def test_what_an_operator_retries_after_long_has_all_its_tries_again(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    long_ago = timezone.now() - LONG_AGO
    Delivery.objects.update(state=State.FAILED, created_at=long_ago, attempts_made=len(outbox.BACKOFF) + 1)
    outbox.retry(Delivery.objects.all())
    sandbox.fault("create_event", "503", count=1)
    drain()
    event = Delivery.objects.get(kind="event")
    assert (event.state, event.attempts_made) == (State.QUEUED, 2)


def test_a_connection_lost_between_two_requests_stops_the_rest_of_the_batch(
    sandbox: Sandbox, ann: Advocate, drain: Drain, connect: Connect
) -> None:
    for _ in range(3):
        lifecycle.visit(ann)
    sandbox.fault("create_event", "unauthorized", skip=1, count=2)
    drain()
    assert Connection.objects.get().state == Connection.State.RECONNECT
    assert len(sandbox.requests("create_event")) == 3
    worker.sweep()
    assert states(kind="event") == {State.ACCEPTED, State.HELD}
    connect()
    drain()
    assert states() == {State.ACCEPTED}
    assert [event.received for event in sandbox.events(TEA)] == [1] * 4
