"""Sorae's own people, orders, rewards and messages as tables; and nobody in them who was erased."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from klaviyo.models import Send
from klaviyo.syncs.sources import ready
from klaviyo.syncs.sources.table import Row, SourceError
from referrals import lifecycle
from referrals.models import Advocate, Conversion, Invite, Program, Reward
from tests.conftest import Drain

FIRST = "Id"


def rows(name: str) -> list[dict[str, Any]]:
    table = ready.table(name)
    found = [row for row in table if isinstance(row, Row)]
    assert [row.number for row in found] == list(range(1, len(found) + 1))
    return [dict(zip(table.columns, row.values, strict=True)) for row in found]


@pytest.fixture
def order(ann: Advocate) -> Conversion:
    lifecycle.invite(ann, "ben@example.com", recipient_name="Ben")
    order = lifecycle.convert(
        ann, order_id="T-1", friend_email="ben@example.com", total="30.00", currency="EUR", friend_first_name="Ben"
    )
    lifecycle.reward(ann, kind=Reward.Kind.CREDIT, amount="5", currency="EUR", conversion=order)
    return order


def test_people_by_their_role_with_their_figures(order: Conversion, spring: Program) -> None:
    lifecycle.join(spring, "zoe@example.com", role=Advocate.Role.AFFILIATE, phone="+4930123456")
    (ann,) = rows("advocates")
    assert (ann["Email"], ann["First name"], ann["Store"], ann["Program"]) == (
        "ann@example.com",
        "Ann",
        "tea-house",
        "spring",
    )
    assert (ann["Invites"], ann["Orders"], ann["Rewards"], ann["Earned"], ann["Currency"]) == (
        1,
        1,
        1,
        Decimal(5),
        "EUR",
    )
    assert [(row["Email"], row["Phone"], row["Earned"]) for row in rows("affiliates")] == [
        ("zoe@example.com", "+4930123456", 0)
    ]


def test_what_was_typed_by_anybody_is_missing(ann: Advocate) -> None:
    Advocate.objects.update(by_anybody=True, phone="+4930123456")
    (row,) = rows("advocates")
    assert (row["Email"], row["First name"], row["Phone"]) == ("ann@example.com", None, None)


def test_orders_and_rewards(order: Conversion) -> None:
    (row,) = rows("conversions")
    assert (row["Order"], row["Friend email"], row["Advocate email"]) == ("T-1", "ben@example.com", "ann@example.com")
    assert (row["Total"], str(row["Total"]), row["Kind"], row["Refund"]) == (30, "30.00", "order", None)
    (row,) = rows("rewards")
    assert (row["Email"], row["Amount"], row["Order"]) == ("ann@example.com", 5, "T-1")


def test_messages(order: Conversion, drain: Drain) -> None:
    drain()
    assert [(row["Kind"], row["Friend email"]) for row in rows("sends")] == [
        ("invite", "ben@example.com") for _ in Send.objects.all()
    ]


def test_what_people_referred_to_themselves_is_told_to_nobody(order: Conversion) -> None:
    Conversion.objects.update(is_own=True)
    assert rows("conversions") == []


def test_nobody_who_was_erased(order: Conversion) -> None:
    gone = "erased-0123@erased.invalid"
    Advocate.objects.update(email=gone)
    assert rows("advocates") == []
    assert [row["Advocate email"] for row in rows("conversions")] == [None]
    assert [row["Advocate email"] for row in rows("rewards")] == [None]
    Conversion.objects.update(friend_email=gone)
    Reward.objects.update(recipient_email=gone)
    Invite.objects.update(recipient_email=gone)
    assert [rows(name) for name in ("conversions", "rewards", "sends")] == [[], [], []]


def test_pages_follow_one_another(
    spring: Program, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    monkeypatch.setattr(ready, "AT_ONCE", 3)
    people = [Advocate(program=spring, email=f"p{n}@example.com") for n in range(7)]
    Advocate.objects.bulk_create(people)
    with django_assert_max_num_queries(7):
        assert [row["Email"] for row in rows("advocates")] == [f"p{n}@example.com" for n in range(7)]


def test_a_table_that_there_is_not() -> None:
    with pytest.raises(SourceError, match="There are: advocates, affiliates, conversions, rewards, sends"):
        ready.table("everybody")


def test_each_column_has_one_name_and_the_first_is_the_key() -> None:
    for name in ready.names():
        columns = ready.table(name).columns
        assert columns[0] == FIRST
        assert len({column.casefold() for column in columns}) == len(columns)
