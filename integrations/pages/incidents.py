"""Incidents, which need a person: deliveries that failed or are held, grouped by connection and reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from integrations import reasons
from integrations.models import Connection, Delivery

State = Delivery.State
RECENT = timedelta(days=7)
SHOWN = 20


@dataclass(frozen=True)
class Incident:
    """Deliveries of one connection that stand still for one reason; `sentence` is that of the latest."""

    connection: Connection
    state: str
    code: str
    sentence: str
    count: int
    since: datetime

    @property
    def title(self) -> str:
        return reasons.title(self.code) or "Held"

    @property
    def level(self) -> str:
        return "bad" if self.state == State.FAILED else "warn"


def open_now(connections: Sequence[Connection]) -> list[Incident]:
    """Everything held, and what failed in the last week; the largest first."""
    failed = Q(state=State.FAILED, settled_at__gte=timezone.now() - RECENT)
    return of(Delivery.objects.filter(Q(state=State.HELD) | failed, connection__in=connections))


def of(deliveries: "QuerySet[Delivery]") -> list[Incident]:
    """The incidents among some deliveries; the largest first, and no more than a page can hold."""
    standing = deliveries.filter(state__in=(State.FAILED, State.HELD)).order_by()
    groups: Any = standing.values("connection", "state", "reason_code").annotate(
        count=Count("pk"), since=Min("created_at"), latest=Max("pk")
    )
    rows = list(groups.order_by("-count", "connection", "state", "reason_code")[:SHOWN])
    latest = Delivery.objects.select_related("connection").in_bulk([row["latest"] for row in rows])
    return [_incident(row, latest[row["latest"]]) for row in rows]


def _incident(row: dict[str, Any], latest: Delivery) -> Incident:
    return Incident(
        connection=latest.connection,
        state=row["state"],
        code=row["reason_code"],
        sentence=latest.reason,
        count=row["count"],
        since=row["since"],
    )
