"""Person's money: their orders, the refunds of these, and their rewards; one query for all."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, CharField, ExpressionWrapper, F, Q, QuerySet, Value

from klaviyo.pages.permissions import Part
from referrals import money
from referrals.models import Advocate, Conversion, Reward

NOTHING = Value("", CharField())
ADVOCATE = ("advocate__first_name", "advocate__last_name", "advocate__referral_code")


@dataclass(frozen=True)
class Amount:
    """An order, a refund or a reward; `of` is its kind, and `recipient` who has the reward."""

    pk: int
    is_reward: bool
    of: str
    order_id: str
    recipient: str
    at: datetime
    amount: Decimal
    currency: str
    program: str
    advocate: Advocate
    email: str
    name: str
    is_reversed: bool
    is_paid: bool

    @property
    def what(self) -> str:
        return Reward.Kind(self.of).label if self.is_reward else f"{Conversion.Kind(self.of).label} {self.order_id}"

    @property
    def is_refund(self) -> bool:
        return not self.is_reward and self.of == Conversion.Kind.REFUND


@dataclass(frozen=True)
class Money:
    """A person's, newest first."""

    orders: Sequence[Amount] = field(default_factory=list)
    rewards: Sequence[Amount] = field(default_factory=list)


def of(orders: "QuerySet[Conversion]", rewards: "QuerySet[Reward]", open: Collection[Part], most: int) -> Money:
    """The latest of these, as far as they are open."""
    parts: list[tuple[bool, QuerySet[Any, Any]]] = [
        (Part.ORDERS in open, _orders(Conversion.objects.filter(pk__in=_latest(orders, most)))),
        (Part.REWARDS in open, _rewards(Reward.objects.filter(pk__in=_latest(rewards, most)))),
    ]
    wanted = [rows for is_open, rows in parts if is_open]
    if not wanted:
        return Money()
    found = [_amount(row) for row in wanted[0].union(*wanted[1:], all=True)]
    found.sort(key=lambda amount: amount.pk, reverse=True)
    return Money([one for one in found if not one.is_reward], [one for one in found if one.is_reward])


def _latest(rows: "QuerySet[Any]", most: int) -> Any:
    return rows.order_by("-pk").values("pk")[:most]


def _orders(rows: "QuerySet[Conversion]") -> "QuerySet[Any, Any]":
    columns = ("kind", "order_id", "occurred_at", "total", "currency", "program__name", *ADVOCATE)
    friend = ("friend_email", "friend_first_name", "friend_last_name")
    return _columns(rows, False, NOTHING, *map(F, (*columns, *friend)), Value(False), Value(False))


def _rewards(rows: "QuerySet[Reward]") -> "QuerySet[Any, Any]":
    what = (F("kind"), NOTHING, F("occurred_at"), F("amount"), F("currency"), F("advocate__program__name"))
    whose = (*map(F, (*ADVOCATE, "recipient_email")), NOTHING, NOTHING)
    return _columns(rows, True, F("recipient"), *what, *whose, _is_set("reversed_at"), _is_set("paid_at"))


def _columns(rows: "QuerySet[Any]", is_reward: bool, *columns: Any) -> "QuerySet[Any, Any]":
    return rows.order_by().values_list(F("pk"), Value(is_reward), *columns)


def _is_set(field: str) -> Any:
    return ExpressionWrapper(Q(**{f"{field}__isnull": False}), BooleanField())


def _amount(row: Iterable[Any]) -> Amount:
    pk, is_reward, recipient, of, order_id, at, amount, currency, program, *names, is_reversed, is_paid = row
    first_name, last_name, code, email, friend_first_name, friend_last_name = names
    return Amount(
        pk=pk,
        is_reward=is_reward,
        of=of,
        order_id=order_id,
        recipient=recipient,
        at=at,
        amount=money.rounded(amount, currency),
        currency=currency,
        program=program,
        advocate=Advocate(first_name=first_name, last_name=last_name, referral_code=code),
        email=email,
        name=f"{friend_first_name} {friend_last_name}".strip(),
        is_reversed=is_reversed,
        is_paid=is_paid,
    )
