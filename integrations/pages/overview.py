"""Overview of all connections, for Home and for the page of each provider."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Case, IntegerField, QuerySet, Value, When
from django.http import HttpRequest
from django.utils import timezone

from integrations import providers
from integrations.models import Connection
from integrations.pages import charts, figures, health, incidents
from integrations.pages.charts import Chart
from integrations.pages.figures import Figures
from integrations.pages.health import Health
from integrations.pages.incidents import Incident

C = Connection.State
BADNESS = {"bad": 3, "warn": 2, "good": 1, "off": 0}
HOME_SHOWS = 8


@dataclass(frozen=True)
class Standing:
    """A connection, whom it serves, how it is, and its numbers."""

    connection: Connection
    served: Sequence[str]
    health: Health
    figures: Figures


@dataclass(frozen=True)
class Overview:
    """Several connections together; `worst` is the one to speak of first, if any is in trouble."""

    standings: list[Standing]
    total: Figures
    chart: Chart
    incidents: list[Incident]

    @property
    def worst(self) -> Standing | None:
        troubled = [standing for standing in self.standings if standing.health.level in ("bad", "warn")]
        return max(troubled, key=lambda standing: BADNESS[standing.health.level], default=None)


def of(connections: Sequence[Connection]) -> Overview:
    known = figures.of_all(connections)
    served = health.served(connections)
    now = timezone.now()
    return Overview(
        standings=[
            Standing(row, served[row.pk], health.judge(row, known[row.pk], served[row.pk], now), known[row.pk])
            for row in connections
        ],
        total=figures.total(known.values()),
        chart=charts.per_hour(figures.hours(known.values(), now)),
        incidents=incidents.open_now(connections),
    )


def troubled_first(connections: "QuerySet[Connection]") -> "QuerySet[Connection]":
    """Connections that need a person, then those at work, then the disconnected ones; each by name."""
    order = Case(
        When(state__in=(C.RECONNECT, C.UNDECIDED), then=Value(0)),
        When(state=C.CONNECTED, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )
    return connections.order_by(order, "account_name", "pk")


def home(request: HttpRequest) -> dict[str, Any]:
    """The context of the first page, for users who may see connections."""
    if not request.user.has_perm("integrations.view_connection"):
        return {}
    rows = list(troubled_first(Connection.objects.filter(provider__in=providers.slugs()))[: HOME_SHOWS + 1])
    return {
        "overview": of(rows[:HOME_SHOWS]),
        "has_more": len(rows) > HOME_SHOWS,
        "providers": [providers.get(slug) for slug in providers.slugs()],
    }
