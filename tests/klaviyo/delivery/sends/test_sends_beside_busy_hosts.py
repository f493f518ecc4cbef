"""A host's transaction that takes long keeps waiting what it is about, and nothing else."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections, transaction
from django.utils import timezone

from integrations.models import Connection, Delivery
from integrations.outbox import lock_timeout
from integrations.workers import worker
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, reminders
from referrals.models import Advocate, Invite, Program
from tests.conftest import Drain
from tests.klaviyo.sending_cast import RECEIVED, REMINDER, come_back, flows, got, invited_days_ago, let_invite
from tests.klaviyo.story import BEN, CID, make_due, metrics

STUCK = 30.0  # seconds; whatever takes longer waits for the host


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits as long for a lock as in life."""
    monkeypatch.setattr(lock_timeout, "SECONDS", 0.1)


@contextmanager
def busy_host(writes: Callable[[], Any]) -> Iterator[None]:
    """What happens inside, happens while a host's transaction is open. SQLite has one writer: there it comes after."""
    with transaction.atomic():
        writes()
        if database.vendor == "postgresql":
            yield
    if database.vendor != "postgresql":
        yield


def elsewhere(act: Callable[[], Any]) -> Any:
    """What another process gets; on SQLite, too, it has a connection of its own to the database."""

    def run() -> Any:
        try:
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as process:
        return process.submit(run).result(STUCK)


def test_a_busy_host_stops_no_flow_of_others(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    bob = lifecycle.join(ann.program, "bob@example.com")
    lifecycle.invite(bob, CID)
    make_due()
    with busy_host(lambda: lifecycle.update(ann, first_name="Anna")):
        elsewhere(lambda: worker.drain(connection.pk))
        assert "Sorae Advocate Started" in metrics(sandbox, bob.email)
        assert flows(sandbox, CID) == [RECEIVED]
    come_back(drain)
    assert flows(sandbox, BEN) == flows(sandbox, CID) == [RECEIVED]


def test_a_host_that_is_busy_with_a_no_delays_messages_of_our_own_and_stops_no_facts(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    let_invite(ann)
    drain()
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    bob = lifecycle.join(ann.program, "bob@example.com")
    store = ann.program.store
    with busy_host(lambda: lifecycle.opt_out(store, "zoe@friends.test", scope="newsletter", place="The page")):
        elsewhere(lambda: worker.drain(connection.pk))
        assert "Sorae Advocate Started" in metrics(sandbox, bob.email)
    come_back(drain)
    assert got(sandbox, BEN) == got(sandbox, CID) == 1
    assert set(Delivery.objects.filter(kind="email").values_list("attempts_made", flat=True)) == {1}


def test_a_busy_host_keeps_nobody_elses_reminders_waiting(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    invited_days_ago(ann, drain)
    bob = lifecycle.join(ann.program, "bob@example.com")
    lifecycle.invite(bob, CID)
    drain()
    Invite.objects.filter(advocate=bob).update(contacted_at=timezone.now() - timedelta(days=2))
    Program.objects.update(most_reminders=1)
    with busy_host(lambda: lifecycle.update(ann, first_name="Anna")):
        elsewhere(reminders.remind_due)
        assert Invite.objects.filter(reminders_made=1, advocate=bob).exists()
    elsewhere(reminders.remind_due)
    drain()
    assert flows(sandbox, BEN) == flows(sandbox, CID) == [RECEIVED, REMINDER]
