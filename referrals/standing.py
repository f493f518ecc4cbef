"""Standing of advocates in their programs: counts of invites, visits, orders and rewards, sums earned and owed.

What people referred to themselves does not count.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from django.db.models import Count, Model, Q, Sum

from referrals import money
from referrals.models import Conversion, Invite, Reward, Visit


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
    """The standing of each advocate, whether anything has happened or not; four queries for any number."""
    ids = set(advocate_ids)
    invites = _counts(Invite, Q(advocate__in=ids, is_own=False))
    visits = _counts(Visit, Q(advocate__in=ids))
    orders = _counts(Conversion, Q(advocate__in=ids, kind=Conversion.Kind.ORDER, is_own=False))
    rewards: Counter[int] = Counter()
    earned: dict[int, dict[str, Decimal]] = {pk: {} for pk in ids}
    owed: dict[int, dict[str, Decimal]] = {pk: {} for pk in ids}
    for pk, currency, number, total, unpaid in _rewards(ids):
        rewards[pk] += number
        earned[pk][currency] = money.rounded(total, currency)
        if unpaid:
            owed[pk][currency] = money.rounded(unpaid, currency)
    return {pk: Standing(invites[pk], visits[pk], orders[pk], rewards[pk], earned[pk], owed[pk]) for pk in ids}


def _counts(model: type[Model], which: Q) -> Counter[int]:
    rows = model._default_manager.filter(which).order_by().values_list("advocate").annotate(Count("pk"))
    return Counter(dict(rows))


def _rewards(ids: set[int]) -> Iterable[tuple[int, str, int, Decimal, Decimal | None]]:
    own = Reward.objects.filter(advocate__in=ids, recipient=Reward.Recipient.ADVOCATE, reversed_at__isnull=True)
    return (
        own.order_by("currency")
        .values_list("advocate", "currency")
        .annotate(Count("pk"), total=Sum("amount"), unpaid=Sum("amount", filter=Q(paid_at__isnull=True)))
    )
