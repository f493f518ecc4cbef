"""Latency: from a fact until the provider has accepted it, and until it was read back there."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from integrations.models import Connection, Delivery, Place

State = Delivery.State

WITHIN = timedelta(hours=1)
MOST = 200  # of the latest, whatever happened within the hour


@dataclass(frozen=True)
class Latency:
    """Within which time half of them went, and 99 of 100; None where there was nothing to tell it from."""

    accepted: timedelta | None = None
    confirmed: timedelta | None = None
    accepted_p99: timedelta | None = None
    confirmed_p99: timedelta | None = None

    @property
    def sentence(self) -> str:
        """Of the last hour's deliveries; empty where nothing is known."""
        taken = f"is taken within {_words(self.accepted)}" if self.accepted is not None else ""
        seen = f"seen there within {_words(self.confirmed)}" if self.confirmed is not None else ""
        told = " and ".join(filter(None, (taken, seen)))
        return f"Half of what is told {told}." if told else ""

    @property
    def lines(self) -> list[tuple[str, str, str]]:
        """What is measured, and both times in words."""
        known = (
            ("From the fact until it is taken", self.accepted, self.accepted_p99),
            ("From the fact until it is seen there", self.confirmed, self.confirmed_p99),
        )
        return [
            (name, _words(half), _words(most)) for name, half, most in known if half is not None and most is not None
        ]


def of(connection: Connection, now: datetime) -> Latency:
    """The latency of the past hour's last deliveries; two looks into an index, in one query."""
    confirmed, accepted = _latest(connection, State.CONFIRMED, now), _latest(connection, State.ACCEPTED, now)
    seen, taken = [], []
    for state, created_at, settled_at, confirmed_at in confirmed.union(accepted, all=True):
        if state == State.CONFIRMED and confirmed_at:
            seen.append(confirmed_at - created_at)
        if settled_at:
            taken.append(settled_at - created_at)
    return Latency(_part(taken, 50), _part(seen, 50), _part(taken, 99), _part(seen, 99))


def _latest(connection: Connection, state: Delivery.State, now: datetime) -> "QuerySet[Any, Any]":
    rows = Place.objects.filter(connection=connection, state=state, is_named=True, settled_at__gt=now - WITHIN)
    latest = Delivery.objects.filter(pk__in=rows.order_by("-settled_at").values("pk")[:MOST]).order_by()
    return latest.values_list("state", "created_at", "settled_at", "confirmed_at")


def _part(times: Sequence[timedelta], of_hundred: int) -> timedelta | None:
    """Within which time so many of a hundred went, by the nearest rank."""
    if not times:
        return None
    in_order = sorted(times)
    rank = math.ceil(len(in_order) * of_hundred / 100)
    return max(timedelta(), in_order[rank - 1])


def _words(time: timedelta) -> str:
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{round(seconds)} s" if seconds < 120 else f"{round(seconds / 60)} minutes"
