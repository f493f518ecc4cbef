"""The range of a search that no index helps: at most a million deliveries, and the page says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max, QuerySet, Subquery

from integrations.models import Delivery
from integrations.pages.filtering import Filter

FARTHEST = 1_000_000
ROUNDS = 3  # queries for both ends of a range, whatever the number of ids
MOST_PROBES = 300  # in one query, for each end: more than 27 million ids take another round
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
    starts_at = chosen.starts_at - SKEW if chosen.starts_at else None
    ends_at = chosen.ends_at + SKEW if chosen.ends_at else None
    found = _ids_at([moment for moment in (starts_at, ends_at) if moment], newest)
    first = found[starts_at] if starts_at else 0
    last = found[ends_at] if ends_at else newest
    return Reach(max(first, last - FARTHEST), last, is_cut=last - FARTHEST > first)


def _ids_at(moments: Sequence[datetime], newest: int) -> dict[datetime, int]:
    """The first id made at each moment or later. Ids grow with time, so parting finds it without an index.

    One query looks at many places, for all moments together: at as many as lead to the id in ROUNDS.
    """
    probes = min(round(newest ** (1 / ROUNDS)) + 1, MOST_PROBES)
    ranges = dict.fromkeys(moments, (0, newest))
    while any(low < high for low, high in ranges.values()):
        places = {place for low, high in ranges.values() for place in _places(low, high, probes)}
        times = _made_at(sorted(places))
        ranges = {moment: _narrowed(moment, *ends, times) for moment, ends in ranges.items()}
    return {moment: low for moment, (low, _) in ranges.items()}


def _places(low: int, high: int, probes: int) -> list[int]:
    """Ids that part the range evenly; each lies before its end."""
    return sorted({low + part * (high - low) // (probes + 1) for part in range(1, probes + 1)}) if low < high else []


def _made_at(places: Sequence[int]) -> dict[int, datetime | None]:
    """When the first delivery from each place on was made."""
    looks = {f"from_{place}": Subquery(_from(place).values("created_at")[:1]) for place in places}
    row = Delivery.objects.order_by("pk").annotate(**looks).values(*looks).first() or {}
    return {place: row.get(f"from_{place}") for place in places}


def _from(place: int) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(pk__gte=place).order_by("pk")


def _narrowed(moment: datetime, low: int, high: int, times: Mapping[int, datetime | None]) -> tuple[int, int]:
    """The part of a range in which the moment's id lies."""
    for place in [place for place in times if low <= place < high]:
        made_at = times[place]
        if made_at is None or made_at >= moment:
            return low, place
        low = place + 1
    return low, high
