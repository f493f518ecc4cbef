"""Standing of advocates in their programs: counts of invites, visits, orders and rewards, sums earned and owed.

What people referred to themselves does not count.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db.models import Count, DecimalField, Model, Q, QuerySet, Sum, Value

from referrals import money
from referrals.models import Conversion, Invite, Reward, Visit

INVITES, VISITS, CONVERSIONS, REWARDS = "invites", "visits", "conversions", "rewards"


@dataclass(frozen=True)
class Standing:
    """One advocate's figures. Amounts are by currency (ISO 4217), in major units."""

    invites: int = 0
    visits: int = 0
    conversions: int = 0  # orders; a refund does not undo one
    rewards: int = 0  # the advocate's own, without the reversed ones
    earned: dict[str, Decimal] = field(default_factory=dict)  # what these rewards are worth
    owed: dict[str, Decimal] = field(default_factory=dict)  # of that, what is not paid yet


def of(advocate_ids: Iterable[int]) -> dict[int, Standing]:
    """The standing of each advocate, whether anything has happened or not; one query for any number."""
    ids = set(advocate_ids)
    figures: dict[str, Counter[int]] = {what: Counter() for what in (INVITES, VISITS, CONVERSIONS, REWARDS)}
    earned: dict[int, dict[str, Decimal]] = {pk: {} for pk in ids}
    owed: dict[int, dict[str, Decimal]] = {pk: {} for pk in ids}
    for what, pk, currency, number, total, unpaid in _rows(ids):
        figures[what][pk] += number
        if what == REWARDS:
            earned[pk][currency] = money.rounded(total, currency)
        if unpaid:
            owed[pk][currency] = money.rounded(unpaid, currency)
    return {
        pk: Standing(**{what: counts[pk] for what, counts in figures.items()}, earned=earned[pk], owed=owed[pk])
        for pk in ids
    }


def _rows(ids: set[int]) -> Iterable[tuple[str, int, str, int, Decimal, Decimal | None]]:
    """What, whose, in which currency, how many, of what worth, and of that not paid."""
    return _rewards(ids).union(
        _counts(INVITES, Invite, Q(advocate__in=ids, is_own=False)),
        _counts(VISITS, Visit, Q(advocate__in=ids)),
        _counts(CONVERSIONS, Conversion, Q(advocate__in=ids, kind=Conversion.Kind.ORDER, is_own=False)),
        all=True,
    )


def _rewards(ids: set[int]) -> "QuerySet[Any, Any]":
    own = Reward.objects.filter(advocate__in=ids, recipient=Reward.Recipient.ADVOCATE, reversed_at__isnull=True)
    rows = own.order_by().annotate(what=Value(REWARDS)).values_list("what", "advocate", "currency")
    unpaid = Sum("amount", filter=Q(paid_at__isnull=True))
    return rows.annotate(number=Count("pk"), total=Sum("amount"), unpaid=unpaid)


def _counts(what: str, model: type[Model], which: Q) -> "QuerySet[Any, Any]":
    nothing = Value(None, DecimalField())
    rows: QuerySet[Any, Any] = model._default_manager.filter(which).order_by()
    rows = rows.annotate(what=Value(what), none=Value("")).values_list("what", "advocate", "none")
    counted: QuerySet[Any, Any] = rows.annotate(number=Count("pk"), total=nothing, unpaid=nothing)
    return counted
