"""Submissions: what a public form asks for is done once, however often the work breaks off."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from referrals import lifecycle, signals, submissions, tasks
from referrals.models import Advocate, OptIn, Program, Store, Submission
from referrals.submissions import Wish
from tests.referrals.test_referrals_races import at_once

NEWS = Wish("email", "E-mail me news.")
TEXTS = Wish("sms", "Text me.", "+4915123456789")


def ask(program: Program, email: str = "cid@example.com", *wishes: Wish, joins: bool = True) -> Submission:
    submissions.keep(
        program.store,
        email,
        place="join form",
        program=program if joins else None,
        first_name="Cid",
        wishes=wishes or (NEWS,),
    )
    return Submission.objects.latest("pk")


def let_an_hour_pass() -> None:
    Submission.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_all_of_it_is_done_with_the_time_of_the_press(program: Program, heard: list[tuple[str, Any]]) -> None:
    asked = ask(program, "cid@example.com", NEWS, TEXTS)
    assert tasks.carry_out() is None
    cid = Advocate.objects.get(email="cid@example.com")
    wishes = OptIn.objects.order_by("pk")
    assert [name for name, _ in heard] == ["advocate_joined", "opted_in", "opted_in"]
    assert {fact.occurred_at for fact in (cid, *wishes)} == {asked.occurred_at}
    assert [(w.wording.text, w.channels, w.phone, w.place, w.first_name) for w in wishes] == [
        ("E-mail me news.", ["email"], "", "join form", "Cid"),
        ("Text me.", ["sms"], "+4915123456789", "join form", "Cid"),
    ]
    assert not Submission.objects.exists()


def test_the_press_is_timed_by_the_database(program: Program, time_machine: Any) -> None:
    time_machine.move_to("2001-01-01T12:00Z")
    assert ask(program).occurred_at.year > 2001


def test_who_only_wants_news_joins_nothing(program: Program) -> None:
    ask(program, joins=False)
    submissions.carry_out()
    assert OptIn.objects.count() == 1
    assert not Advocate.objects.exists()


@pytest.mark.parametrize("verb", ["join", "opt_in"])
def test_one_that_breaks_off_is_done_later_as_a_whole_and_holds_up_no_other(
    program: Program, verb: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask(program, "cid@example.com")
    ask(program, "dan@example.com")
    do = getattr(lifecycle, verb)

    def broken(about: Any, email: str, **more: Any) -> Any:
        done = do(about, email, **more)
        if email == "cid@example.com":
            raise OSError(f"no space for {email}")
        return done

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lifecycle, verb, broken)
        assert submissions.carry_out() == 1
    assert list(Advocate.objects.values_list("email", flat=True)) == ["dan@example.com"]
    assert "will be tried again: OSError" in caplog.text
    assert "cid@" not in caplog.text
    assert submissions.carry_out() == 0  # not at once
    let_an_hour_pass()
    assert submissions.carry_out() == 1
    assert Advocate.objects.count() == OptIn.objects.count() == 2


def test_what_never_works_gets_rarer_and_is_dropped_after_a_week(
    program: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ask(program)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError("cid@example.com")

    monkeypatch.setattr(lifecycle, "join", refuse)
    waits = []
    for _ in range(15):
        let_an_hour_pass()
        submissions.carry_out()
        waits.append((Submission.objects.get().next_try_at - timezone.now()).total_seconds())
    assert 0 < waits[0] < 10 < 3_000 < waits[-1] <= 3_600
    Submission.objects.update(occurred_at=timezone.now() - timedelta(days=7, minutes=1))
    let_an_hour_pass()
    submissions.carry_out()
    assert not Submission.objects.exists()
    assert "is dropped: OSError" in caplog.text
    assert "cid@" not in caplog.text


@pytest.mark.parametrize("stored", ["cid@müller.example", "CID@xn--mller-kva.example"])
def test_an_erasure_takes_what_waits_along_however_it_is_spelt(program: Program, stored: str) -> None:
    ask(program, stored)
    ask(program, "dan@example.com")
    lifecycle.erase("Cid@Müller.example")
    submissions.carry_out()
    assert [person.email for person in Advocate.objects.all()] == ["dan@example.com"]


def test_one_that_another_worker_has_taken_is_left_to_it(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(program)
    carry_out = submissions._carry_out

    def overtaken(submission: Submission) -> bool:
        Submission.objects.all().delete()  # as an erasure does, too
        return carry_out(submission)

    monkeypatch.setattr(submissions, "_carry_out", overtaken)
    assert submissions.carry_out() == 0
    assert not Advocate.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_many_workers_do_each_once() -> None:
    store = Store.objects.create(slug="tea", name="Tea", url="https://tea.example/", country="DE", currency="EUR")
    friends = Program.objects.create(store=store, slug="friends", name="Friends", offer="Tea")
    told: list[Any] = []

    def listen(advocate: Advocate, **_: Any) -> None:
        told.append(advocate.email)

    signals.advocate_joined.connect(listen)
    try:
        for number in range(20):
            ask(friends, f"person-{number}@example.com")
        everyone = 6 if connection.vendor == "postgresql" else 1
        assert sum(at_once(everyone, submissions.carry_out)) == 20
    finally:
        signals.advocate_joined.disconnect(listen)
    assert sorted(told) == sorted(f"person-{number}@example.com" for number in range(20))
    assert OptIn.objects.count() == 20


@pytest.mark.django_db(transaction=True)
def test_an_erasure_waits_for_who_is_being_taken_in_and_finds_them() -> None:
    store = Store.objects.create(slug="tea", name="Tea", url="https://tea.example/", country="DE", currency="EUR")
    friends = Program.objects.create(store=store, slug="friends", name="Friends", offer="Tea")
    ask(friends)
    erasing: list[Future[Any]] = []
    with ThreadPoolExecutor(1) as pool:

        def erase_meanwhile(**_: Any) -> None:
            erasing.append(pool.submit(_erase_in_a_thread))
            _wait_until_somebody_waits()

        signals.advocate_joined.connect(erase_meanwhile)
        try:
            if connection.vendor == "postgresql":
                assert submissions.carry_out() == 1
                assert erasing[0].result(timeout=600).counts["advocates"] == 1
            else:  # one writer at a time: it is erased before or afterwards
                signals.advocate_joined.disconnect(erase_meanwhile)
                submissions.carry_out()
                lifecycle.erase("cid@example.com")
        finally:
            signals.advocate_joined.disconnect(erase_meanwhile)
    assert not Advocate.objects.filter(email="cid@example.com").exists()
    assert not OptIn.objects.exists()


def _erase_in_a_thread() -> Any:
    try:
        return lifecycle.erase("cid@example.com")
    finally:
        connections.close_all()


def _wait_until_somebody_waits() -> None:
    """Until a connection of PostgreSQL waits for a lock of ours, however slow the machine."""
    with connection.cursor() as cursor:
        for _ in range(2_000):
            # https://www.postgresql.org/docs/current/view-pg-locks.html
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
            time.sleep(0.05)
    raise AssertionError("The erasure did not wait.")
