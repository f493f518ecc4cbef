"""Statistics of connections for the pages: counted for many at once, on the indexes of the queue."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, OuterRef, Q, Subquery
from django.db.models.functions import TruncHour
from django.utils import timezone

from integrations import outcomes, pauses
from integrations.models import Attempt, Connection, Delivery, HealthCheck, Pause, Revocation
from integrations.pages import latency
from integrations.pages.charts import Hour
from integrations.pages.latency import Latency

State = Delivery.State
DELIVERED = (State.ACCEPTED, State.CONFIRMED)
WAITING = (State.QUEUED, State.SENDING, State.HELD)
DAY = timedelta(days=1)
NOT_CONFIRMED = "not_confirmed"  # accepted, and not to be seen there

_delivered = Q(state__in=DELIVERED)
_held_back = Q(state=State.SKIPPED) & ~Q(reason_code=outcomes.SUPERSEDED.code)
_failed = Q(state=State.FAILED)
OUTCOMES = {
    "delivered": Count("pk", filter=_delivered),
    "held_back": Count("pk", filter=_held_back),
    "failed": Count("pk", filter=_failed),
}


@dataclass
class Figures:
    """One connection's numbers; delivered, held back, failed, not confirmed, requests and refused are of 24 hours."""

    waiting: int = 0
    held: int = 0
    oldest_due_at: datetime | None = None
    last_delivered_at: datetime | None = None
    last_confirmed_at: datetime | None = None
    delivered: int = 0
    held_back: int = 0
    failed: int = 0
    tried_and_failed: int = 0
    not_confirmed: int = 0
    requests: int = 0
    refused: int = 0
    last_check: HealthCheck | None = None
    trouble: Pause | None = None
    is_being_revoked: bool = False
    latency: Latency = field(default_factory=Latency)


def of(connection: Connection) -> Figures:
    """The figures of one connection, with how long its deliveries take."""
    known = of_all([connection])[connection.pk]
    known.latency = latency.of(connection, timezone.now())
    return known


def of_all(connections: Iterable[Connection]) -> dict[int, Figures]:
    """The figures of each connection, by its id; eight queries, however many connections."""
    ids = [connection.pk for connection in connections]
    known = {pk: Figures() for pk in ids}
    now = timezone.now()
    for rows in (_waiting(ids, now), _settled(ids, now - DAY), _requests(ids, now - DAY), _latest(ids)):
        for row in rows:
            pk = row.pop("connection")
            for name, value in row.items():
                setattr(known[pk], name, value)
    for check in _checks(ids):
        known[check.connection_id].last_check = check
    for pause in pauses.active().filter(code__in=pauses.TROUBLE).order_by("-until"):
        for pk in [pause.connection_id] if pause.connection_id else ids:
            if pk in known:
                known[pk].trouble = pause
    for pk in Revocation.objects.filter(connection__in=ids).values_list("connection", flat=True):
        known[pk].is_being_revoked = True
    return known


def total(figures: Iterable[Figures]) -> Figures:
    """The counts of several connections together."""
    rows = list(figures)
    counts = ("waiting", "held", "delivered", "held_back", "failed", "requests", "refused")
    return Figures(**{name: sum(getattr(row, name) for row in rows) for name in counts})


def hours(connections: Iterable[Connection], now: datetime) -> list[Hour]:
    """Deliveries settled in each of the last 24 hours, the current one included."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)
    settled = _settled_since([connection.pk for connection in connections], first)
    rows = settled.annotate(hour=TruncHour("settled_at")).values("hour").annotate(**OUTCOMES).order_by("hour")
    counted = {row.pop("hour"): row for row in rows}
    starts = [first + timedelta(hours=number) for number in range(24)]
    return [Hour(start, **counted.get(start, {})) for start in starts]


def _waiting(ids: Sequence[int], now: datetime) -> Any:
    rows = Delivery.objects.filter(connection__in=ids, state__in=WAITING).values("connection").order_by()
    return rows.annotate(
        waiting=Count("pk"),
        held=Count("pk", filter=Q(state=State.HELD)),
        oldest_due_at=Min("next_try_at", filter=Q(state=State.QUEUED, next_try_at__lte=now)),
    )


def _settled(ids: Sequence[int], since: datetime) -> Any:
    tried_and_failed = Count("pk", filter=_failed & Q(attempts_made__gt=0))
    rows = _settled_since(ids, since).values("connection").order_by()
    not_confirmed = Count("pk", filter=Q(state=State.ACCEPTED, reason_code=NOT_CONFIRMED))
    return rows.annotate(**OUTCOMES, tried_and_failed=tried_and_failed, not_confirmed=not_confirmed)


def _settled_since(ids: Sequence[int], since: datetime) -> Any:
    states = (*DELIVERED, State.SKIPPED, State.FAILED)
    return Delivery.objects.filter(connection__in=ids, state__in=states, settled_at__gte=since)


def _requests(ids: Sequence[int], since: datetime) -> Any:
    rows = Attempt.objects.filter(connection__in=ids, started_at__gte=since).values("connection").order_by()
    return rows.annotate(requests=Count("pk"), refused=Count("pk", filter=Q(status=429)))


def _latest(ids: Sequence[int]) -> list[dict[str, Any]]:
    """When each last delivered, by looks into an index instead of a walk over the whole record."""
    accepted, confirmed = _last(State.ACCEPTED, "settled_at"), _last(State.CONFIRMED, "settled_at")
    rows = Connection.objects.filter(pk__in=ids)
    looks = rows.values_list("pk", accepted, confirmed, _last(State.CONFIRMED, "confirmed_at"))
    return [
        {
            "connection": pk,
            "last_delivered_at": max(filter(None, found), default=None),
            "last_confirmed_at": confirmed_at,
        }
        for pk, *found, confirmed_at in looks
    ]


def _last(state: Delivery.State, moment: str) -> Subquery:
    """The moment of the one that was settled last."""
    rows = Delivery.objects.filter(connection=OuterRef("pk"), state=state).order_by("-settled_at")
    return Subquery(rows.values(moment)[:1])


def _checks(ids: Sequence[int]) -> Any:
    newest = HealthCheck.objects.filter(connection__in=ids).values("connection").order_by()
    return HealthCheck.objects.filter(pk__in=newest.annotate(newest=Max("pk")).values("newest"))
