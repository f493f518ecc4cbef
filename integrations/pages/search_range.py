"""The range of a search that no index helps: at most a million deliveries, and the page says so."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, QuerySet

from integrations.models import Delivery
from integrations.pages.filtering import Filter

FARTHEST = 1_000_000
SKEW = timedelta(hours=1)  # between id and commit: https://www.postgresql.org/docs/current/functions-sequence.html


@dataclass(frozen=True)
class Reach:
    """The ids to look at, both ends included; `is_cut` when there would have been more."""

    first: int
    last: int
    is_cut: bool

    def apply(self, deliveries: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
        return deliveries.filter(pk__gte=self.first, pk__lte=self.last)


def of(chosen: Filter) -> Reach | None:
    """The range of a filter's search; None for a filter that an index serves."""
    if not chosen.is_wide:
        return None
    newest = Delivery.objects.aggregate(newest=Max("pk"))["newest"] or 0
    first = _id_at(chosen.starts_at - SKEW, newest) if chosen.starts_at else 0
    last = _id_at(chosen.ends_at + SKEW, newest) if chosen.ends_at else newest
    return Reach(max(first, last - FARTHEST), last, is_cut=last - FARTHEST > first)


def _id_at(moment: datetime, newest: int) -> int:
    """The first id made at a moment or later. Ids grow with time, so halving finds it without an index."""
    low, high = 0, newest
    while low < high:
        middle = (low + high) // 2
        made_at = Delivery.objects.filter(pk__gte=middle).order_by("pk").values_list("created_at", flat=True).first()
        if made_at is None or made_at >= moment:
            high = middle
        else:
            low = middle + 1
    return low
