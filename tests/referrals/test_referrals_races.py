"""Races: a fact that several processes tell at once is one fact; on PostgreSQL they really run at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, connections

from referrals import lifecycle, visits
from referrals.models import Advocate, Conversion, Invite, Landing, Program, Reward, Store, Visit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def everyone() -> int:
    """How many at once: SQLite's database in memory has one writer, whose turns come one after the other."""
    return 6 if connection.vendor == "postgresql" else 1


@pytest.fixture
def friends() -> Program:
    store = Store.objects.create(slug="tea", name="Tea", url="https://tea.example/", country="DE", currency="EUR")
    return Program.objects.create(store=store, slug="friends", name="Friends", offer="Tea")


def at_once(number: int, act: Callable[[], Any]) -> list[Any]:
    """What each of `number` threads got, twice each; a refusal counts as an answer."""
    if number == 1:
        return [act(), act()]
    start = Barrier(number)

    def one() -> list[Any]:
        try:
            start.wait(timeout=300)
            return [act(), act()]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        runs = [pool.submit(one) for _ in range(number)]
        return [answer for run in runs for answer in run.result(timeout=600)]


def test_a_person_joins_once(friends: Program, everyone: int) -> None:
    assert len(set(at_once(everyone, lambda: lifecycle.join(friends, "ann@example.com")))) == 1
    assert Advocate.objects.count() == 1


def test_a_friend_is_invited_once(friends: Program, everyone: int) -> None:
    ann = lifecycle.join(friends, "ann@example.com")
    at_once(everyone, lambda: lifecycle.invite(ann, "ben@example.com"))
    assert Invite.objects.count() == 1


def test_an_order_is_counted_and_rewarded_once(friends: Program, everyone: int) -> None:
    ann = lifecycle.join(friends, "ann@example.com")

    def buy() -> Reward:
        order = lifecycle.convert(ann, order_id="1", friend_email="ben@example.com", total=9, currency="EUR")
        return lifecycle.reward(ann, kind="cash", amount=1, currency="EUR", conversion=order)

    at_once(everyone, buy)
    assert (Conversion.objects.count(), Reward.objects.count()) == (1, 1)


def test_an_order_is_credited_to_one_of_two_advocates(friends: Program, everyone: int) -> None:
    people = [lifecycle.join(friends, f"{name}@example.com") for name in ("ann", "eve")]

    def buy() -> list[str]:
        answers = []
        for person in people:
            try:
                lifecycle.convert(person, order_id="1", friend_email="ben@example.com", total=9, currency="EUR")
                answers.append("credited")
            except ValidationError:
                answers.append("refused")
        return sorted(answers)

    assert all(answer == ["credited", "refused"] for answer in at_once(everyone, buy))
    assert Conversion.objects.count() == 1


def test_a_landing_is_counted_once(friends: Program, everyone: int) -> None:
    ann = lifecycle.join(friends, "ann@example.com")
    for number in range(30):
        Landing.objects.create(code=ann.referral_code, visitor=str(number), landing_page="https://tea.example/")
    assert sum(at_once(everyone, visits.count)) == 30
    assert Visit.objects.count() == 30
    assert not Landing.objects.exists()
