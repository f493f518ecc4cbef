"""Several workers at once: on PostgreSQL they really run at once, and each person is subscribed by one of them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier, get_ident
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.workers import worker
from klaviyo.delivery.newsletter import newsletter_list, subscribe
from klaviyo.delivery.newsletter import requests as jobs_on_record
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.newsletter_cast import PHONE, choose_newsletter, fate, jobs, say_no, say_yes
from tests.klaviyo.story import BEN, TEA, State, make_due

ROUNDS = 3


@pytest.fixture(autouse=True)
def list_id(sandbox: Sandbox, setting: StoreSetting) -> str:
    return choose_newsletter(sandbox)


def workers(number: int, act: Callable[[], Any]) -> None:
    """So many at once, or one after the other where there is one writer only."""
    if database.vendor != "postgresql":
        for _ in range(number):
            act()
        return
    start = Barrier(number)

    def run() -> None:
        try:
            start.wait(timeout=300)
            act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        for running in [pool.submit(run) for _ in range(number)]:
            running.result(timeout=600)


def work(number: int = 4) -> None:
    connection_id = Connection.objects.get().pk
    workers(number, lambda: worker.drain(connection_id))


def test_one_worker_of_many_subscribes_a_person_who_opted_in_by_mail_and_by_phone(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They claim a row each, so that the two opt-ins of everybody are in different hands."""
    claim = outbox.claim
    monkeypatch.setattr(outbox, "claim", lambda connection, *_, **which: claim(connection, 1, which.get("rows")))
    people = [f"friend-{number}@friends.test" for number in range(3)]
    for number, email in enumerate(people):
        say_yes(email)
        say_yes(email.title(), channels=("sms",), phone=f"+35840123456{number}")
    for _ in range(ROUNDS):
        work()
        make_due()
    work()
    assert jobs(sandbox) == len(people)
    states = list(Delivery.objects.values_list("state", flat=True))
    assert sorted(states) == [State.ACCEPTED] * 3 + [State.QUEUED] * 3


def test_of_two_who_look_at_the_last_moment_one_at_least_steps_back(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, drain: Drain
) -> None:
    """Even when nobody knows of the other's lease: each job is on record before its worker looks."""
    claim, meet = outbox.claim, Barrier(2)
    monkeypatch.setattr(outbox, "claim", lambda connection, *_, **which: claim(connection, 1, which.get("rows")))
    monkeypatch.setattr(jobs_on_record, "is_in_other_hands", lambda delivery: False)
    met: set[tuple[str, int]] = set()

    def together(module: Any, name: str) -> None:
        """The first time that each worker comes there, it waits for the other."""
        step = getattr(module, name)

        def meeting(*about: Any) -> None:
            if database.vendor == "postgresql" and get_ident() != main and (name, get_ident()) not in met:
                met.add((name, get_ident()))
                meet.wait(timeout=300)
            step(*about)

        monkeypatch.setattr(module, name, meeting)

    main = get_ident()
    together(newsletter_list, "note_opt_in_process")  # both have seen that nobody else is at it
    together(subscribe, "_last_look")
    say_yes()
    say_yes(channels=("sms",), phone=PHONE)
    work(2)
    assert jobs(sandbox) <= 1
    make_due()
    drain()
    assert jobs(sandbox) == 1


def test_a_worker_that_was_overtaken_steps_back(
    sandbox: Sandbox, spoil: Spoil, monkeypatch: pytest.MonkeyPatch, drain: Drain
) -> None:
    """While one brings the person, another, who does not know of it, does the same and is faster."""
    monkeypatch.setattr(jobs_on_record, "is_in_other_hands", lambda delivery: False)
    connection = Connection.objects.get()

    def overtaken(document: Any) -> Any:
        worker.deliver(connection, outbox.claim(connection))
        return document

    by_mail, by_phone = say_yes(), say_yes(channels=("sms",), phone=PHONE)
    [slow] = outbox.claim(connection, 1)
    spoil("create_or_update_profile", overtaken, times=1)
    worker.deliver(connection, [slow])
    assert (fate(by_mail), fate(by_phone)) == ((State.QUEUED, "one_at_a_time"), (State.ACCEPTED, ""))
    make_due()
    drain()
    assert fate(by_mail) == (State.QUEUED, "one_job_in_30_minutes")
    assert jobs(sandbox) == 1


@pytest.mark.parametrize("number", range(ROUNDS))
def test_a_no_and_a_yes_at_once_leave_nobody_subscribed_against_their_word(sandbox: Sandbox, number: int) -> None:
    yes = say_yes()
    connection_id = Connection.objects.get().pk
    acts: list[Callable[[], Any]] = [partial(worker.drain, connection_id)] * 3
    acts.insert(number, say_no)
    workers(4, lambda: acts.pop()())
    for _ in range(ROUNDS):
        make_due()
        work(2)
    ben = sandbox.profile(TEA, BEN)
    assert ben is None or ben.lists == ()
    assert fate(yes)[0] in (State.ACCEPTED, State.SKIPPED, State.CANCELLED)
