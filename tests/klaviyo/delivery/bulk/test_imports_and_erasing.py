"""Whoever is erased while an import runs stays deleted: Klaviyo is asked to delete only when the import is over."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations.models import Attempt, Delivery, Job
from integrations.workers import worker
from klaviyo.api import bulk, transport
from klaviyo.delivery.erasure import erase as erasing
from klaviyo.imports import results
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests import budgets
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import IMPORT, come_back, older, the_connection
from tests.klaviyo.story import TEA, State, known, make_due

DELETION = "request_profile_deletion"


def erase(person: Advocate) -> Delivery:
    erasing.erase(person.email, None)
    return Delivery.objects.get(kind="erase")


def let_the_wire_clear() -> None:
    """As if half a minute had gone by."""
    Delivery.objects.filter(kind="erase").update(
        created_at=timezone.now() - timedelta(minutes=1), next_try_at=timezone.now() - timedelta(seconds=1)
    )
    Job.objects.update(began_at=timezone.now() - timedelta(minutes=2))
    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=2))


def look() -> None:
    budgets.forget()
    Job.objects.update(next_look_at=timezone.now() - timedelta(seconds=1))
    results.look()


def test_the_deletion_waits_for_the_import(sandbox: Sandbox, people: list[Advocate], drain: Drain) -> None:
    sandbox.settings(import_seconds=60)
    drain()
    erase(people[0])
    let_the_wire_clear()
    drain()
    assert sandbox.requests(DELETION) == []
    asked = Delivery.objects.get(kind="erase")
    assert (asked.state, asked.reason_code, asked.attempts_made) == (State.QUEUED, "imports_first", 0)
    sandbox.settings(import_seconds=0)
    look()
    make_due()
    drain()
    assert len(sandbox.requests(DELETION)) == 1
    assert sandbox.profile(TEA, "person-0@friends.test") is None
    assert Delivery.objects.filter(state=State.ACCEPTED).count() == 10


def test_it_waits_for_one_that_was_on_the_wire(
    sandbox: Sandbox, people: list[Advocate], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.settings(import_seconds=60)
    send = transport.send

    def erased_meanwhile(asked: Any, access: Any, **request: Any) -> Any:
        if asked.id == IMPORT:
            erase(people[0])
        return send(asked, access, **request)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(transport, "send", erased_meanwhile)
        worker.drain(the_connection().pk)
    Delivery.objects.filter(kind="erase").update(next_try_at=timezone.now() - timedelta(seconds=1))
    drain()
    assert sandbox.requests(DELETION) == []
    sandbox.settings(import_seconds=0)
    look()
    make_due()
    drain()
    assert sandbox.profile(TEA, "person-0@friends.test") is None


def test_it_waits_for_one_of_which_nobody_knows(sandbox: Sandbox, people: list[Advocate], drain: Drain) -> None:
    sandbox.fault(IMPORT, "accept_then_drop")
    worker.drain(the_connection().pk)
    erase(people[0])
    let_the_wire_clear()
    worker.drain(the_connection().pk)
    assert sandbox.requests(DELETION) == []
    Attempt.objects.filter(operation=IMPORT).update(started_at=timezone.now() - timedelta(minutes=16))
    come_back(drain)
    assert sandbox.profile(TEA, "person-0@friends.test") is None
    assert len(sandbox.profiles(TEA)) == 9


def test_an_import_that_began_later_keeps_nobody_waiting(
    sandbox: Sandbox, people: list[Advocate], drain: Drain
) -> None:
    Delivery.objects.filter(subject=people[0].email).delete()
    erase(people[0])
    Delivery.objects.filter(kind="erase").update(
        created_at=timezone.now() - timedelta(minutes=1), next_try_at=timezone.now() + timedelta(minutes=1)
    )
    sandbox.settings(import_seconds=60)
    drain()
    assert Job.objects.filter(state=Job.State.RUNNING).count() == 1
    make_due()
    drain()
    assert len(sandbox.requests(DELETION)) == 1


def test_who_was_erased_is_not_sent_again_when_the_import_is_lost(
    sandbox: Sandbox, people: list[Advocate], drain: Drain
) -> None:
    sandbox.fault(IMPORT, "import_cancelled")
    drain()
    erase(people[0])
    let_the_wire_clear()
    look()
    come_back(drain)
    look()
    come_back(drain)
    assert sandbox.profile(TEA, "person-0@friends.test") is None
    assert len(sandbox.profiles(TEA)) == 9
    assert Delivery.objects.filter(kind="profile", state=State.CANCELLED).count() == 1


def test_who_was_refused_and_erased_meanwhile_is_left_alone(
    sandbox: Sandbox, people: list[Advocate], drain: Drain
) -> None:
    sandbox.fault(IMPORT, "import_errors", items=2)
    drain()
    erase(people[0])
    let_the_wire_clear()
    look()
    come_back(drain)
    assert sandbox.profile(TEA, "person-0@friends.test") is None
    assert len(sandbox.profiles(TEA)) == 9


def test_who_comes_back_is_told_of_after_the_deletion(
    sandbox: Sandbox, spring: Program, people: list[Advocate], drain: Drain
) -> None:
    sandbox.settings(import_seconds=60)
    drain()
    erase(people[0])
    let_the_wire_clear()
    again = lifecycle.join(spring, "person-0@friends.test", first_name="Again")
    older()
    drain()
    assert Delivery.objects.get(kind="profile", subject=again.email).reason_code == "erased_first"
    sandbox.settings(import_seconds=0)
    look()
    for _ in range(3):
        make_due()
        drain()
        look()
    assert [
        entry.operation for entry in sandbox.requests() if entry.operation in (DELETION, bulk.BULK_IMPORT_PROFILES.id)
    ] == [
        IMPORT,
        DELETION,
    ]
    assert known(sandbox, again.email).first_name == "Again"
