"""The metrics of /metrics: each series with its meaning, computed in a fixed number of bounded queries.

Open deliveries are counted exactly, by the partial index of what is open; settled ones of the last hour only, by the
index by state: there may be a hundred million of them. Connections appear by their ids.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import Error, transaction
from django.db import connection as database
from django.db.models import Count, F, Max, Min, Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from integrations.models import Attempt, Connection, Delivery, Job, Pause, Place
from integrations.outbox import held_messages
from integrations.pages import figures
from integrations.pauses import message_hold
from integrations.workers import liveness
from klaviyo.api import retirement
from klaviyo.api.operation import REVISION
from sorae import VERSION, budgets

State = Delivery.State

SETTLED = [state for state in State if state not in Delivery.OPEN]
LATELY, HOUR, CONFIRMED_WITHIN = timedelta(minutes=5), timedelta(hours=1), timedelta(hours=2)
LONGEST_QUERY = "5s"
MOST_BUDGETS = 200

log = logging.getLogger(__name__)

Labels = dict[str, str]


@dataclass
class Series:
    """A metric of Prometheus, and its values by their labels."""

    name: str
    help: str
    type: str = "gauge"
    values: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, value: float, **labels: Any) -> None:
        self.values.append(({name: str(said) for name, said in labels.items()}, float(value)))


def all_series() -> list[Series]:
    """Everything that can be known now; `sorae_unknown` counts the groups that took too long or failed."""
    ids = list(Connection.objects.order_by("pk").values_list("pk", flat=True))
    now = timezone.now()
    unknown = Series("sorae_unknown", "Groups of series that could not be computed within their time.")
    found: list[Series] = []
    failed = 0
    for group in GROUPS:
        try:
            with transaction.atomic():
                _be_quick()
                found += list(group(ids, now))
        except Error as error:
            failed += 1
            log.warning("The figures of %s are missing: %s", group.__name__.strip("_"), type(error).__name__)
    unknown.add(failed)
    return [*found, unknown]


def _about(_ids: list[int], now: datetime) -> Iterator[Series]:
    info = Series("sorae_info", "What runs here: the version, and the revision of Klaviyo's API that it speaks.")
    info.add(1, version=VERSION, revision=REVISION)
    yield info
    age = Series("sorae_revision_age_days", "Age of the revision; Klaviyo serves one for two years.")
    age.add((now - datetime.fromisoformat(REVISION).replace(tzinfo=UTC)).days)
    yield age
    end = Series(
        "sorae_revision_ends_days", "Days until Klaviyo ends the revision, where its answers have named a day."
    )
    if day := retirement.ends_on():
        end.add((day - now.date()).days)
    yield end
    swept = Series("sorae_last_sweep_seconds", "Since the last sweep of the queue came to its end.")
    if at := liveness.last_sweep_at():
        swept.add(max((now - at).total_seconds(), 0))
    yield swept


def _connections(_ids: list[int], now: datetime) -> Iterator[Series]:
    states = Series("sorae_connections", "Connections by state.")
    counted = dict(Connection.objects.order_by().values_list("state").annotate(Count("pk")))
    for state in Connection.State:
        states.add(counted.get(state, 0), state=state)
    renewals = Series("sorae_access_renewals_total", "Grants and renewals of access.", "counter")
    failures = Series("sorae_access_renewal_failures", "Failed renewals of access since the last good one.")
    age = Series("sorae_access_renewed_seconds", "Since access was last renewed.")
    for row in Connection.objects.filter(state=Connection.State.CONNECTED).order_by("pk"):
        renewals.add(row.generation, connection=row.pk)
        failures.add(row.refresh_failures, connection=row.pk)
        if row.refreshed_at:
            age.add((now - row.refreshed_at).total_seconds(), connection=row.pk)
    yield from (states, renewals, failures, age)


def _open(ids: list[int], now: datetime) -> Iterator[Series]:
    oldest = Series("sorae_oldest_due_seconds", "Age of the oldest delivery that is due.")
    counts = Series("sorae_deliveries_open", "Deliveries that are not settled yet, by state.")
    due = Min("next_try_at", filter=Q(state=State.QUEUED, next_try_at__lte=now))
    rows = Place.objects.filter(connection__in=ids, state__in=figures.WAITING).order_by("connection", "state")
    oldest_of = dict.fromkeys(ids, now)
    for row in rows.values("connection", "state").annotate(count=Count("pk"), due_at=due):
        counts.add(row["count"], connection=row["connection"], state=row["state"])
        oldest_of[row["connection"]] = min(oldest_of[row["connection"]], row["due_at"] or now)
    for connection_id, due_at in oldest_of.items():
        oldest.add((now - due_at).total_seconds(), connection=connection_id)
    yield from (oldest, counts)


def _settled(ids: list[int], now: datetime) -> Iterator[Series]:
    series = Series("sorae_deliveries_settled_1h", "Deliveries settled within the last hour, by state.")
    lately = {"is_named__in": Place.ANY_NAMED, "settled_at__gte": now - HOUR}
    rows = Place.objects.filter(connection__in=ids, state__in=SETTLED, **lately)
    for row in rows.values("connection", "state").annotate(count=Count("pk")).order_by("connection", "state"):
        series.add(row["count"], connection=row["connection"], state=row["state"])
    yield series


def _confirmation(ids: list[int], now: datetime) -> Iterator[Series]:
    lag = Series("sorae_confirmation_lag_seconds", "Age of the oldest event of two hours not read back yet.")
    taken = Place.objects.filter(connection__in=ids, state=State.ACCEPTED, kind="event")
    oldest = dict(
        taken.filter(is_named__in=Place.ANY_NAMED, settled_at__gte=now - CONFIRMED_WITHIN)
        .order_by()
        .values_list("connection")
        .annotate(Min("settled_at"))
    )
    for connection_id in ids:
        lag.add((now - oldest.get(connection_id, now)).total_seconds(), connection=connection_id)
    yield lag


def _requests(ids: list[int], now: datetime) -> Iterator[Series]:
    series = Series("sorae_requests_5m", "Requests of the last five minutes by operation and status (0: no answer).")
    slowest = Series("sorae_request_slowest_seconds", "The slowest request of the last five minutes, by operation.")
    used = Series("sorae_budget_used_ratio", "Share of its fullest window that a budget in use has used.")
    recent = Attempt.objects.filter(connection__in=ids, started_at__gte=now - LATELY).order_by()
    by_status = recent.values("operation", answer=Coalesce("status", 0)).annotate(count=Count("pk"))
    for row in by_status.order_by("operation", "answer"):
        series.add(row["count"], operation=row["operation"], status=row["answer"])
    slow = recent.filter(duration_ms__isnull=False).values_list("operation").annotate(Max("duration_ms"))
    for operation, milliseconds in slow.order_by("operation"):
        slowest.add(milliseconds / 1000, operation=operation)
    pairs = recent.values_list("connection", "operation").distinct().order_by("connection", "operation")
    for connection_id, operation, share in budgets.used(list(pairs[:MOST_BUDGETS])):
        used.add(share, connection=connection_id, operation=operation)
    yield from (series, slowest, used)


def _waits(_ids: list[int], now: datetime) -> Iterator[Series]:
    pauses = Series("sorae_pause_seconds", "What is still left of a pause; without a connection it concerns all.")
    for pause in Pause.objects.filter(until__gt=now).order_by(F("connection").asc(nulls_first=True), "kind"):
        left = (pause.until - now).total_seconds()
        pauses.add(left, connection=pause.connection_id or "", kind=pause.kind, code=pause.code)
    jobs = Series("sorae_jobs_running", "Bulk jobs that Klaviyo works on.")
    rows = Job.objects.filter(state=Job.State.RUNNING).values("connection", "kind").annotate(count=Count("pk"))
    for row in rows.order_by("connection", "kind"):
        jobs.add(row["count"], connection=row["connection"], kind=row["kind"])
    held = Series("sorae_messages_held", "Messages to people that wait, as long as these are held.")
    if message_hold.is_on():
        held.add(held_messages.waiting().count())
    yield from (pauses, jobs, held)


def _be_quick() -> None:
    """A figure that takes long is not worth what it costs."""
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            # https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-STATEMENT-TIMEOUT
            cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST_QUERY}'")


GROUPS: tuple[Callable[[list[int], datetime], Iterator[Series]], ...] = (
    _about,
    _connections,
    _open,
    _settled,
    _confirmation,
    _requests,
    _waits,
)
