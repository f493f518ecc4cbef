"""Statistics of connections for the pages: counted for many at once, on the indexes of the queue."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Exists, Min, OuterRef, Q, Subquery
from django.db.models.functions import TruncHour
from django.utils import timezone

from integrations import outcomes, pauses, reasons
from integrations.models import Attempt, Chore, Connection, Day, Delivery, HealthCheck, Pause, Place, Revocation
from integrations.outbox import days
from integrations.pages import latency
from integrations.pages.charts import Hour
from integrations.pages.latency import Latency

State = Delivery.State
DELIVERED = (State.ACCEPTED, State.CONFIRMED)
WAITING = (State.QUEUED, State.SENDING, State.HELD)
DAY = timedelta(days=1)
CHECK = ("passed", "code", "sentence", "checked_at")
PAUSE = ("code", "sentence", "began_at")
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
    paused: Pause | None = None  # by hand
    leaves_by: datetime | None = None
    is_being_revoked: bool = False
    is_releasing: bool = False
    latency: Latency = field(default_factory=Latency)
    open_groups: list[dict[str, Any]] = field(default_factory=list)
    by_hour: dict[datetime, dict[str, int]] = field(default_factory=dict)


def of(connection: Connection) -> Figures:
    """The figures of one connection, with how long its deliveries take."""
    known = of_all([connection])[connection.pk]
    known.latency = latency.of(connection, timezone.now())
    return known


def of_all(connections: Iterable[Connection]) -> dict[int, Figures]:
    """The figures of each connection, by its id; five queries, however many connections."""
    ids = [connection.pk for connection in connections]
    known = {pk: Figures() for pk in ids}
    now = timezone.now()
    for row in _settled(ids, now - DAY):
        pk, hour = row.pop("connection"), row.pop("hour")
        known[pk].by_hour[hour] = {name: row[name] for name in OUTCOMES}
        for name, value in row.items():
            setattr(known[pk], name, getattr(known[pk], name) + value)
    for row in _by_cause(_waiting(ids, now)):
        known[row["connection"]].open_groups.append(row)
    for one in known.values():
        _sum_up_what_waits(one)
    for rows in (_requests(ids, now - DAY), _latest(ids)):
        for row in rows:
            pk = row.pop("connection")
            for name, value in row.items():
                setattr(known[pk], name, value)
    return known


def total(figures: Iterable[Figures]) -> Figures:
    """The counts of several connections together."""
    rows = list(figures)
    counts = ("waiting", "held", "delivered", "held_back", "failed", "requests", "refused")
    return Figures(**{name: sum(getattr(row, name) for row in rows) for name in counts})


def hours(figures: Iterable[Figures], now: datetime) -> list[Hour]:
    """Deliveries of all settled in each of the last 24 hours, the current one included."""
    first = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=23)
    rows = list(figures)
    starts = [first + timedelta(hours=number) for number in range(24)]
    return [_summed(start, [row.by_hour[start] for row in rows if start in row.by_hour]) for start in starts]


def month(connection: Connection, known: Figures, now: datetime) -> list[Hour]:
    """How deliveries ended on each of the last days: those that are over as they were counted, and today's hours."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    starts = [today - timedelta(days=number) for number in range(days.SHOWN - 1, -1, -1)]
    counted = {row.day: row for row in Day.objects.filter(connection=connection, day__gte=starts[0].date())}
    found = []
    for start in starts[:-1]:
        if row := counted.get(start.date()):
            found.append(Hour(start, row.delivered, row.held_back, row.failed))
        else:
            is_before = start.date() < connection.created_at.astimezone(UTC).date()
            found.append(Hour(start, is_known=is_before))
    return [*found, _summed(today, [counts for hour, counts in known.by_hour.items() if hour >= today])]


def _summed(starts_at: datetime, counts: Sequence[Mapping[str, int]]) -> Hour:
    delivered, held_back, failed = (sum(one[name] for one in counts) for name in OUTCOMES)
    return Hour(starts_at, delivered, held_back, failed)


def _waiting(ids: Sequence[int], now: datetime) -> Any:
    rows = Delivery.objects.filter(place__connection__in=ids, place__state__in=WAITING).order_by()
    return rows.values("connection", "state", "reason_code").annotate(
        count=Count("pk"),
        oldest_due_at=Min("next_try_at", filter=Q(state=State.QUEUED, next_try_at__lte=now)),
    )


def _by_cause(rows: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """The groups, with those of one reason as one, whatever their codes.

    What is on its way has none any more: the row says why it had to wait before.
    """
    found: dict[tuple[int, str, str], dict[str, Any]] = {}
    for row in rows:
        row["reason_code"] = "" if row["state"] == State.SENDING else reasons.cause(row["reason_code"])
        group = found.setdefault((row["connection"], row["state"], row["reason_code"]), row)
        if group is not row:
            due = [one["oldest_due_at"] for one in (group, row) if one["oldest_due_at"]]
            group |= {"count": group["count"] + row["count"], "oldest_due_at": min(due, default=None)}
    return found.values()


def _sum_up_what_waits(known: Figures) -> None:
    """Of the groups by state and reason, the largest first."""
    known.open_groups.sort(key=lambda group: (-group["count"], group["state"], group["reason_code"]))
    known.waiting = sum(group["count"] for group in known.open_groups)
    known.held = sum(group["count"] for group in known.open_groups if group["state"] == State.HELD)
    due = [group["oldest_due_at"] for group in known.open_groups if group["oldest_due_at"]]
    known.oldest_due_at = min(due, default=None)


def _settled(ids: Sequence[int], since: datetime) -> Any:
    tried_and_failed = Count("pk", filter=_failed & Q(attempts_made__gt=0))
    """By the hour: those of the first, which has begun before, are none of the chart's."""
    hour = TruncHour("settled_at", tzinfo=UTC)
    rows = _settled_since(ids, since).annotate(hour=hour).values("connection", "hour").order_by()
    not_confirmed = Count("pk", filter=Q(state=State.ACCEPTED, reason_code=NOT_CONFIRMED))
    return rows.annotate(**OUTCOMES, tried_and_failed=tried_and_failed, not_confirmed=not_confirmed)


def _settled_since(ids: Sequence[int], since: datetime) -> Any:
    states = (*DELIVERED, State.SKIPPED, State.FAILED)
    lately = {"place__state__in": states, "place__is_named__in": Place.ANY_NAMED, "place__settled_at__gte": since}
    return Delivery.objects.filter(place__connection__in=ids, **lately)


def _requests(ids: Sequence[int], since: datetime) -> Any:
    rows = Attempt.objects.filter(connection__in=ids, started_at__gte=since).values("connection").order_by()
    return rows.annotate(requests=Count("pk"), refused=Count("pk", filter=Q(status=429)))


def _latest(ids: Sequence[int]) -> list[dict[str, Any]]:
    """When each last delivered, by looks into an index instead of a walk over the whole record; and what else is last.

    That is the last health check, what pauses it, and whether access is being revoked or what was held is released.
    """
    ended = [(state, is_named) for state in DELIVERED for is_named in Place.ANY_NAMED]
    delivered = [_last(*how, "settled_at") for how in ended]
    confirmed = [_last(State.CONFIRMED, is_named, "delivery__confirmed_at") for is_named in Place.ANY_NAMED]
    rows = Connection.objects.filter(pk__in=ids)
    revoked = Exists(Revocation.objects.filter(connection=OuterRef("pk")))
    released = Exists(Chore.objects.filter(connection=OuterRef("pk"), verb=Chore.Verb.RELEASE))
    checks = HealthCheck.objects.filter(connection=OuterRef("pk")).order_by("-checked_at", "-pk")
    its_own = Q(connection=OuterRef("pk")) | Q(connection=None)
    trouble = pauses.active().filter(its_own, code__in=pauses.TROUBLE).order_by("until")
    paused = pauses.active().filter(connection=OuterRef("pk"), code=pauses.PAUSED)
    check = [Subquery(checks.values(name)[:1]) for name in CHECK]
    stops = [Subquery(rows.values(name)[:1]) for rows in (trouble, paused) for name in PAUSE]
    first = len(delivered), len(delivered) + len(confirmed)
    looks = rows.values_list("pk", revoked, released, "leaving__ends_at", *delivered, *confirmed, *stops, *check)
    return [
        {
            "connection": pk,
            "last_delivered_at": max(filter(None, said[: first[0]]), default=None),
            "last_confirmed_at": max(filter(None, said[first[0] : first[1]]), default=None),
            "is_being_revoked": is_being_revoked,
            "is_releasing": is_releasing,
            "leaves_by": leaves_by,
            "trouble": _made(Pause, PAUSE, said[first[1] : first[1] + len(PAUSE)]),
            "paused": _made(Pause, PAUSE, said[first[1] + len(PAUSE) : first[1] + 2 * len(PAUSE)]),
            "last_check": _made(HealthCheck, CHECK, said[first[1] + 2 * len(PAUSE) :]),
        }
        for pk, is_being_revoked, is_releasing, leaves_by, *said in looks
    ]


def _made(model: Any, names: Sequence[str], values: Sequence[Any]) -> Any:
    """What was found, as far as it was asked for; None where there is nothing."""
    return model(**dict(zip(names, values, strict=True))) if any(values) else None


def _last(state: Delivery.State, is_named: bool, moment: str) -> Subquery:
    """The moment of the one that was settled last."""
    rows = Place.objects.filter(connection=OuterRef("pk"), state=state, is_named=is_named, settled_at__isnull=False)
    return Subquery(rows.order_by("-settled_at").values(moment)[:1])
