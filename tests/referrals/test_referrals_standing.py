"""An advocate's standing: counts of facts, sums earned and owed."""

from decimal import Decimal
from typing import Any

import pytest

from referrals import lifecycle, standing
from referrals.models import Advocate, Conversion, Reward
from referrals.standing import Standing


def order(ann: Advocate, number: int) -> Conversion:
    return lifecycle.convert(
        ann, order_id=str(number), friend_email=f"ben{number}@example.com", total=30, currency="EUR"
    )


def grant(ann: Advocate, amount: str, currency: str, **more: Any) -> Reward:
    return lifecycle.reward(ann, kind="cash", amount=amount, currency=currency, **more)


def test_a_person_who_has_done_nothing_stands_at_nought(ann: Advocate) -> None:
    assert standing.of([ann.pk]) == {ann.pk: Standing()}
    assert standing.of([]) == {}


def test_counts_are_of_invites_visits_and_orders(ann: Advocate) -> None:
    for number in range(3):
        lifecycle.invite(ann, f"ben{number}@example.com")
        lifecycle.visit(ann)
    lifecycle.visit(ann)
    lifecycle.refund(order(ann, 1))
    order(ann, 2)
    stands = standing.of([ann.pk])[ann.pk]
    assert (stands.invites, stands.visits, stands.conversions) == (3, 4, 2)


def test_earned_and_owed_are_apart_for_each_currency(ann: Advocate) -> None:
    grant(ann, "10.10", "EUR")
    lifecycle.pay(grant(ann, "0.20", "EUR"))
    lifecycle.reverse(grant(ann, "99", "EUR"), "refund")
    lifecycle.reverse(lifecycle.pay(grant(ann, "50", "EUR")), "fraud")
    lifecycle.pay(grant(ann, "5", "USD"))
    grant(ann, "500", "JPY")
    grant(ann, "7", "EUR", conversion=order(ann, 1), recipient="friend")
    assert standing.of([ann.pk])[ann.pk] == Standing(
        conversions=1,
        rewards=4,
        earned={"EUR": Decimal("10.30"), "JPY": Decimal(500), "USD": Decimal("5.00")},
        owed={"EUR": Decimal("10.10"), "JPY": Decimal(500)},
    )


def test_many_small_amounts_add_up_exactly(ann: Advocate) -> None:
    for _ in range(30):
        grant(ann, "0.10", "EUR")
    stands = standing.of([ann.pk])[ann.pk]
    assert str(stands.earned["EUR"]) == str(stands.owed["EUR"]) == "3.00"


def test_a_reward_of_nothing_is_a_reward(ann: Advocate) -> None:
    grant(ann, "0", "EUR")
    assert standing.of([ann.pk])[ann.pk] == Standing(rewards=1, earned={"EUR": Decimal("0.00")})


@pytest.mark.parametrize("people", [1, 12])
def test_any_number_of_people_takes_one_query(ann: Advocate, people: int, django_assert_num_queries: Any) -> None:
    ids = [lifecycle.join(ann.program, f"eve{number}@example.com").pk for number in range(people)]
    grant(ann, "1", "EUR")
    with django_assert_num_queries(1):
        stands = standing.of(ids)
    assert stands == {pk: Standing() for pk in ids}
