"""An import lives at Klaviyo: it is looked at until it has ended, however it ends, and its deliveries with it."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations import outbox
from integrations.connections import disconnection
from integrations.models import Connection, Delivery, Job, Lease
from integrations.outbox import leasing
from integrations.workers import worker
from klaviyo.api import bulk
from klaviyo.imports import results
from klaviyo.models import StoreSetting
from klaviyo.profiles import import_job
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Connect, Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.delivery.bulk.crowd import IMPORT, LOOK, PEOPLE, UPSERT, look, the_connection
from tests.klaviyo.sending_cast import killed_before
from tests.klaviyo.story import TEA, State, codes, joins_autumn, known, make_due, states


def test_it_is_looked_at_while_it_waits_and_works(
    sandbox: Sandbox, people: list[Advocate], drain: Drain, spoil: Spoil
) -> None:
    words = iter(["queued", "processing", "processing", "complete"])

    def told(document: Any) -> Any:
        document["data"]["attributes"]["status"] = next(words)
        return document

    spoil(LOOK, told)
    drain()
    for _ in range(3):
        look()
        assert states() == {State.SENDING}
    look()
    assert states() == {State.ACCEPTED}
    job = Job.objects.get()
    assert (job.state, job.looks) == (Job.State.DONE, 4)
    assert job.ended_at is not None


def test_looks_come_less_often_the_longer_it_takes(sandbox: Sandbox, people: list[Advocate], drain: Drain) -> None:
    sandbox.settings(import_seconds=3600)
    drain()
    waits = []
    for _ in range(9):
        look()
        waits.append(round((Job.objects.get().next_look_at - timezone.now()).total_seconds()))
    assert waits == sorted(waits)
    assert waits[0] < 2
    assert waits[-1] <= import_job.LONGEST_WAIT.total_seconds()


def test_a_word_that_is_new_is_waited_out_for_a_day(sandbox: Sandbox, people: list[Advocate], drain: Drain) -> None:
    sandbox.fault(IMPORT, "import_status", status="on_hold")
    drain()
    Job.objects.update(looks=700)
    look(3)
    assert states() == {State.SENDING}
    Job.objects.update(gives_up_at=timezone.now() - timedelta(seconds=1))
    look()
    assert Job.objects.get().state == Job.State.LOST
    make_due()
    drain()
    look()
    assert states() == {State.ACCEPTED}
    assert len(sandbox.requests(IMPORT)) == 2


@pytest.mark.parametrize("kind", ["import_cancelled", "import_forgotten"])
def test_what_was_called_off_or_forgotten_is_made_again(
    sandbox: Sandbox, people: list[Advocate], drain: Drain, kind: str
) -> None:
    sandbox.fault(IMPORT, kind)
    drain()
    look()
    assert Job.objects.get().state == Job.State.LOST
    assert sandbox.profiles(TEA) == []
    assert states() == {State.QUEUED}
    make_due()
    drain()
    look()
    assert states() == {State.ACCEPTED}
    assert {profile.email for profile in sandbox.profiles(TEA)} == {person.email for person in people}


def test_two_looks_at_once_settle_it_once(
    sandbox: Sandbox, people: list[Advocate], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain()
    asked = bulk.look_at_import

    def while_another_looks(*about: Any) -> Any:
        with monkeypatch.context() as alone:
            alone.setattr(bulk, "look_at_import", asked)
            results.look()
        return asked(*about)

    monkeypatch.setattr(bulk, "look_at_import", while_another_looks)
    look()
    assert len(sandbox.requests(LOOK)) == 1
    assert states() == {State.ACCEPTED}


def test_a_look_that_comes_late_takes_nothing_from_a_worker(
    sandbox: Sandbox, people: list[Advocate], drain: Drain
) -> None:
    drain()
    Job.objects.update(gives_up_at=timezone.now() - timedelta(hours=1))
    outbox.give_back_expired()
    claimed = outbox.claim(the_connection())
    assert len(claimed) == PEOPLE
    look()
    assert states() == {State.SENDING}
    worker.deliver(the_connection(), claimed)
    assert states() == {State.ACCEPTED}


def test_newer_news_of_a_person_waits_for_the_import(sandbox: Sandbox, people: list[Advocate], drain: Drain) -> None:
    sandbox.settings(import_seconds=60)
    drain()
    lifecycle.update(people[0], tier="gold")
    drain()
    newer = Delivery.objects.latest("pk")
    assert newer.state == State.QUEUED
    sandbox.settings(import_seconds=0)
    look()
    drain()
    newer.refresh_from_db()
    assert newer.state == State.ACCEPTED
    assert known(sandbox, people[0].email).properties["sorae_tier"] == "gold"


def test_who_joins_a_second_program_meanwhile_is_told_of_in_both(
    sandbox: Sandbox, people: list[Advocate], spring: Program, drain: Drain
) -> None:
    sandbox.settings(import_seconds=60)
    drain()
    newer = joins_autumn(spring, people[3], drain)
    sandbox.settings(import_seconds=0)
    look()
    drain()
    assert codes(sandbox, newer.email) == {
        "sorae_referral_code": people[3].referral_code,
        "sorae_autumn_referral_code": newer.referral_code,
    }
    assert states() == {State.ACCEPTED}


def test_of_an_account_that_never_comes_back_it_is_given_up_after_a_day(
    sandbox: Sandbox, people: list[Advocate], drain: Drain
) -> None:
    sandbox.settings(import_seconds=60)
    drain()
    Connection.objects.update(state=Connection.State.RECONNECT)
    look()
    assert Job.objects.get().state == Job.State.RUNNING
    Job.objects.update(gives_up_at=timezone.now())
    look()
    assert Job.objects.get().state == Job.State.LOST
    make_due()
    worker.sweep()
    assert states() == {State.HELD}


def test_a_running_import_takes_no_workers_place_and_keeps_no_disconnect_waiting(
    sandbox: Sandbox, people: list[Advocate], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain()
    monkeypatch.setattr(leasing, "MOST_WORKERS", 1)
    assert not outbox.is_well_served(the_connection().pk)
    waited: list[float] = []
    monkeypatch.setattr("integrations.connections.disconnection.time.sleep", waited.append)
    disconnection.disconnect(the_connection(), None)
    assert waited == []


def test_it_goes_on_where_it_was_when_the_account_comes_back(
    sandbox: Sandbox, people: list[Advocate], drain: Drain, connect: Connect
) -> None:
    drain()
    Connection.objects.update(state=Connection.State.RECONNECT)
    look()
    assert states() == {State.SENDING}
    connect()
    look()
    assert states() == {State.ACCEPTED}
    assert len(sandbox.requests(IMPORT)) == 1


def test_one_account_in_trouble_keeps_none_of_the_others(
    sandbox: Sandbox, people: list[Advocate], second_connection: Connection, spring: Program, drain: Drain
) -> None:
    StoreSetting.objects.create(store=spring.store, connection=second_connection, behaviour="create")
    for person in people:
        lifecycle.update(person, tier="gold")
    drain()
    assert Job.objects.count() == 2
    sandbox.fault(LOOK, "503", account=TEA, count=5)
    look()
    assert states(connection=second_connection) == {State.ACCEPTED}
    assert states(connection=the_connection_of(TEA), kind="profile") == {State.SENDING}


def the_connection_of(account: str) -> Connection:
    return Connection.objects.get(account_id=account)


def test_a_worker_that_dies_between_the_answer_and_the_record_costs_nothing(
    sandbox: Sandbox, people: list[Advocate], drain: Drain
) -> None:
    with killed_before(import_job, "begin"):
        drain()
    assert len(sandbox.requests(IMPORT)) == 1
    Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
    worker.sweep()
    drain()
    look()
    assert states() == {State.ACCEPTED}
    assert (len(sandbox.requests(IMPORT)), len(sandbox.requests(UPSERT))) == (1, PEOPLE), "few suspects go one by one"
