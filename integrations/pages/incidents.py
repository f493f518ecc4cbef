"""Incidents, which need a person: deliveries that failed or are held, one for each cause over all accounts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Min, Q, QuerySet
from django.utils import timezone

from integrations import reasons
from integrations.models import Connection, Delivery, Place
from integrations.pages import remedies
from integrations.pages.remedies import Remedy
from integrations.reasons import Reason

State = Delivery.State
RECENT = timedelta(days=7)
SHOWN = 20
NAMED = 3
OF_ACCOUNTS = ("provider", "account_id", "account_name", "state", "kind")  # what is shown of an account


@dataclass
class Incident:
    """Deliveries that stand still for one cause; `sentence` is that of the latest, `ready` how many could go now."""

    state: str
    code: str
    since: datetime
    latest: int
    sentence: str = ""
    count: int = 0
    ready: int = 0
    connections: list[Connection] = field(default_factory=list)

    @property
    def title(self) -> str:
        return reasons.title(self.code) or "Held"

    @property
    def reason(self) -> Reason:
        return reasons.of(self.code)

    @property
    def level(self) -> str:
        return "bad" if self.state == State.FAILED else "warn"

    @property
    def named(self) -> list[Connection]:
        return self.connections[:NAMED]

    @property
    def unnamed(self) -> int:
        return len(self.connections) - len(self.named)

    @property
    def lost(self) -> list[Connection]:
        """The accounts that must be connected again before theirs can go."""
        return [one for one in self.connections if self._remedy(one) == Remedy.RECONNECT]

    @property
    def undecided(self) -> list[Connection]:
        return [one for one in self.connections if self._remedy(one) == Remedy.DECIDE]

    def add(self, connection: Connection, count: int, since: datetime, latest: int) -> None:
        if connection not in self.connections:
            self.connections.append(connection)
        self.count += count
        self.ready += count if self._remedy(connection) == Remedy.RETRY else 0
        self.since, self.latest = min(self.since, since), max(self.latest, latest)

    def _remedy(self, connection: Connection) -> Remedy:
        return remedies.of(connection, self.state, self.code)


def everywhere(provider: str) -> list[Incident]:
    """The same of all accounts of a provider."""
    return of(_standing().filter(place__connection__provider=provider))


def open_now(connections: Iterable[Connection]) -> list[Incident]:
    """Everything held, and what failed in the last week; the largest first."""
    known = {row.pk: row for row in connections}
    return of(_standing().filter(place__connection__in=known), known)


def of(deliveries: "QuerySet[Delivery]", known: Mapping[int, Connection] | None = None) -> list[Incident]:
    """The incidents among some deliveries; the largest first, and no more than a page can hold."""
    standing = deliveries.filter(place__state__in=(State.FAILED, State.HELD)).order_by()
    more = [] if known else [f"connection__{name}" for name in OF_ACCOUNTS]
    groups: Any = standing.values("connection", "state", "reason_code", *more).annotate(
        count=Count("pk"), since=Min("created_at"), latest=Max("pk")
    )
    rows = list(groups)
    accounts = known or {row["connection"]: _account(row) for row in rows}
    rows.sort(key=lambda row: (accounts[row["connection"]].account_name, row["connection"]))
    found: dict[tuple[str, str], Incident] = {}
    for row in rows:
        cause, since, latest = (row["state"], reasons.cause(row["reason_code"])), row["since"], row["latest"]
        incident = found.setdefault(cause, Incident(*cause, since, latest))
        incident.add(accounts[row["connection"]], row["count"], since, latest)
    largest = sorted(found.values(), key=lambda one: (-one.count, one.state, one.code))[:SHOWN]
    latest_of_each = Delivery.objects.filter(pk__in=[one.latest for one in largest])
    sentences: dict[int, str] = dict(latest_of_each.values_list("pk", "reason"))
    for incident in largest:
        incident.sentence = sentences.get(incident.latest, "")
    return largest


def _standing() -> "QuerySet[Delivery]":
    lately = {"place__is_named__in": Place.ANY_NAMED, "place__settled_at__gte": timezone.now() - RECENT}
    failed = Q(place__state=State.FAILED, **lately)
    return Delivery.objects.filter(Q(place__state=State.HELD) | failed)


def _account(row: Mapping[str, Any]) -> Connection:
    """As far as it came with the rest; nobody saves it."""
    return Connection(pk=row["connection"], **{name: row[f"connection__{name}"] for name in OF_ACCOUNTS})
