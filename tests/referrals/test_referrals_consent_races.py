"""Races of reminders, opt-outs and erasures: on PostgreSQL they really run at once, and nothing is told twice."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import partial
from threading import Barrier, Event
from time import sleep
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections
from django.db.models import F
from django.utils import timezone

from referrals import lifecycle, reminders, signals
from referrals.models import Advocate, Conversion, Invite, OptIn, OptOut, Program, Reminder, Store, Suppression, Wording

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5


@pytest.fixture
def everyone() -> int:
    """How many at once: SQLite's database in memory has one writer, whose turns come one after the other."""
    return 6 if connection.vendor == "postgresql" else 1


@pytest.fixture
def friends() -> Program:
    store = Store.objects.create(slug="tea", name="Tea", url="https://tea.example/", country="DE", currency="EUR")
    return Program.objects.create(
        store=store, slug="friends", name="Friends", offer="Tea", most_reminders=1, remind_after_days=1
    )


def together(*acts: Callable[[], Any]) -> list[Any]:
    """What each got, all of them at once, or one after the other where there is one writer only."""
    if connection.vendor != "postgresql":
        return [act() for act in acts]
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait(timeout=300)
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [running.result(timeout=600) for running in [pool.submit(run, act) for act in acts]]


def invited(advocate: Advocate, friend: str) -> Invite:
    two_days_ago = timezone.now() - timedelta(days=2)
    invite = lifecycle.invite(advocate, f"{friend}@example.com", occurred_at=two_days_ago)
    return lifecycle.went_out(invite, occurred_at=two_days_ago)


def buy(person: Advocate, email: str, number: int) -> Conversion:
    return lifecycle.convert(person, order_id=f"{number}/{person.pk}", friend_email=email, total=9, currency="EUR")


def test_each_friend_is_reminded_once_however_many_beats_run(friends: Program, everyone: int) -> None:
    people = [lifecycle.join(friends, f"{name}@example.com") for name in ("ann", "eve")]
    for number in range(20):
        invited(people[number % 2], f"ben{number}")
    told: list[int] = []

    def listen(reminder: Reminder, **_: Any) -> None:
        told.append(reminder.invite_id)

    signals.invite_reminded.connect(listen)
    try:
        made = sum(together(*[reminders.remind_due] * everyone))
        made += reminders.remind_due()  # whom another beat was just writing about
        assert made == 20
    finally:
        signals.invite_reminded.disconnect(listen)
    assert sorted(told) == sorted(Invite.objects.values_list("pk", flat=True))
    assert Reminder.objects.count() == 20


def test_an_invite_goes_out_once_however_often_it_is_told(friends: Program, everyone: int) -> None:
    invite = lifecycle.invite(lifecycle.join(friends, "ann@example.com"), "ben@example.com")
    told: list[Invite] = []

    def listen(invite: Invite, **_: Any) -> None:
        told.append(invite)

    signals.invite_went_out.connect(listen)
    try:
        together(*[lambda: lifecycle.went_out(invite)] * everyone)
    finally:
        signals.invite_went_out.disconnect(listen)
    assert len(told) == 1


def test_nobody_is_reminded_after_they_said_no(friends: Program) -> None:
    people = [lifecycle.join(friends, f"{name}@example.com") for name in ("ann", "eve", "flo")]
    for number in range(ROUNDS):
        friend = f"ben{number}"
        for person in people:
            invited(person, friend)

        refuse = partial(lifecycle.opt_out, friends.store, f"{friend}@example.com", scope="invites", place="a message")
        together(refuse, reminders.remind_due, refuse, reminders.remind_due)
    assert set(Invite.objects.values_list("closed_by", flat=True)) == {"opted_out"}
    assert not Reminder.objects.filter(occurred_at__gt=F("invite__closed_at")).exists()
    assert (OptOut.objects.count(), Suppression.objects.count()) == (ROUNDS, ROUNDS)


def test_many_who_close_the_same_invites_at_once_do_not_wait_for_each_other(friends: Program) -> None:
    people = [lifecycle.join(friends, f"ann{number}@example.com") for number in range(30)]
    for number in range(ROUNDS):
        email = f"ben{number}@example.com"
        invites = [invited(person, f"ben{number}") for person in people]
        together(
            *(partial(buy, person, email, number) for person in people[::15]),
            *(partial(lifecycle.visit, invite.advocate, invite=invite) for invite in invites[::10]),
            *(partial(lifecycle.suppress, email, reason) for reason in Suppression.Reason.values),
            *(partial(lifecycle.suppress, email, reason, friends.store) for reason in Suppression.Reason.values),
            partial(lifecycle.opt_out, friends.store, email, scope="everything", place="a message"),
            reminders.remind_due,
        )
    assert not Invite.objects.filter(closed_at=None).exists()


def test_a_person_opts_in_and_out_once(friends: Program, everyone: int) -> None:
    def ask() -> OptIn:
        return lifecycle.opt_in(friends.store, "ben@example.com", wording="Yes", place="join form")

    assert len(set(together(*[ask] * everyone))) == 1
    assert Wording.objects.count() == 1

    def refuse() -> OptOut:
        return lifecycle.opt_out(friends.store, "ben@example.com", scope="everything", place="a message")

    assert len(set(together(*[refuse] * everyone))) == 1
    assert Suppression.objects.count() == 1


def test_an_address_is_suppressed_once(friends: Program, everyone: int) -> None:
    found = together(*[lambda: lifecycle.suppress("ben@example.com", "bounced")] * everyone)
    assert len({suppression.pk for suppression in found}) == 1


def rename(ben: Advocate) -> None:
    with suppress(ValidationError):  # erased already
        lifecycle.update(ben, last_name="Benedict")


def test_nothing_of_somebody_erased_is_left_by_what_happens_meanwhile(friends: Program) -> None:
    ann = lifecycle.join(friends, "ann@example.com")
    for number in range(ROUNDS):
        email = f"ben{number}@example.com"
        ben = lifecycle.join(friends, email, first_name="Benedict")
        invited(ann, f"ben{number}")
        bought = lifecycle.convert(ann, order_id=str(number), friend_email=email, total=9, currency="EUR")

        together(
            partial(lifecycle.erase, email),
            partial(lifecycle.erase, email),
            partial(lifecycle.refund, bought),
            partial(rename, ben),
            reminders.remind_due,
        )
        left = [list(table.objects.values()) for table in (Advocate, Invite)] + [list(ann.conversions.values())]
        assert email not in str(left)
        assert "Benedict" not in str(left)


def test_an_erasure_waits_for_what_is_just_being_written_of_the_person(friends: Program) -> None:
    ann = lifecycle.join(friends, "ann@example.com")
    bought = lifecycle.convert(ann, order_id="1", friend_email="ben@example.com", total=9, currency="EUR")
    is_written = Event()

    def take_long(**_: Any) -> None:
        is_written.set()
        sleep(0.5)

    def erase() -> None:
        assert is_written.wait(timeout=300)
        lifecycle.erase("ben@example.com")

    signals.conversion_refunded.connect(take_long)
    try:
        together(partial(lifecycle.refund, bought), erase)
    finally:
        signals.conversion_refunded.disconnect(take_long)
    assert ann.conversions.filter(kind="refund").count() == 1
    assert not ann.conversions.filter(friend_email="ben@example.com").exists()
