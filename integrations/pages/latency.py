"""Latency: from a fact until the provider has accepted it, and until it was read back there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from integrations.models import Connection, Delivery

State = Delivery.State

WITHIN = timedelta(hours=1)
MOST = 200  # of the latest, whatever happened within the hour


@dataclass(frozen=True)
class Latency:
    """Medians; None where there was nothing to tell it from."""

    accepted: timedelta | None = None
    confirmed: timedelta | None = None

    @property
    def sentence(self) -> str:
        """Of the last hour's deliveries; empty where nothing is known."""
        taken = f"is taken within {_words(self.accepted)}" if self.accepted is not None else ""
        seen = f"seen there within {_words(self.confirmed)}" if self.confirmed is not None else ""
        told = " and ".join(filter(None, (taken, seen)))
        return f"Half of what is told {told}." if told else ""


def of(connection: Connection, now: datetime) -> Latency:
    """The latency of the past hour's last deliveries; two looks into an index."""
    confirmed = _latest(connection, State.CONFIRMED, now)
    seen = [confirmed_at - created_at for created_at, _, confirmed_at in confirmed if confirmed_at]
    accepted = [*confirmed, *_latest(connection, State.ACCEPTED, now)]
    taken = [settled_at - created_at for created_at, settled_at, _ in accepted if settled_at]
    return Latency(_median(taken), _median(seen))


def _latest(
    connection: Connection, state: Delivery.State, now: datetime
) -> Sequence[tuple[datetime, datetime | None, datetime | None]]:
    rows = Delivery.objects.filter(place__connection=connection, place__state=state, place__settled_at__gt=now - WITHIN)
    return list(rows.order_by("-place__settled_at").values_list("created_at", "settled_at", "confirmed_at")[:MOST])


def _median(times: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=max(0.0, median(time.total_seconds() for time in times))) if times else None


def _words(time: timedelta) -> str:
    seconds = time.total_seconds()
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{round(seconds)} s" if seconds < 120 else f"{round(seconds / 60)} minutes"
