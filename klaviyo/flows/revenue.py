"""Revenue of flows: workers read what the flows that our events start have earned, and add up friends' orders.

Klaviyo makes two reports a minute, and 225 a day: https://developers.klaviyo.com/en/reference/query_flow_values
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.db.models.functions import Now
from django.utils import timezone

from integrations.errors import IntegrationError, TemporaryError
from integrations.models import Connection
from integrations.wire.deadline import Deadline
from integrations.workers.rota import Rota
from klaviyo.actions import rests
from klaviyo.api import flows, published, values
from klaviyo.api.client import Client
from klaviyo.api.flows import FLOWS_OF_A_REPORT, Earned, Metric
from klaviyo.flows import copies, listening
from klaviyo.models import FlowReading, FlowRevenue, StoreSetting
from referrals.models import Conversion

EVERY = timedelta(hours=24)
SOON = timedelta(seconds=20)
SPAN = timedelta(days=30)
PROPOSED = "Placed Order"
NOT_READ = "The account's flows are not read yet; what they have earned is read after that."


def take_all() -> int:
    """Read what flows have earned in every account that is due, until the time is up; in how many."""
    return copies.take_all(ROTA, FlowRevenue)


def ask(connection: Connection) -> None:
    """Have it read as soon as a worker looks."""
    copies.ask(FlowRevenue, connection)


def choose(connection: Connection, metric: Metric) -> None:
    """Count by this conversion metric from now on; what was counted by another is not shown any more."""
    forgotten: dict[str, Any] = {"read_at": None, "flows": [], "problem": ""}
    copies.ask(FlowRevenue, connection, metric_id=metric.id, metric_name=metric.name, **forgotten)


def lacking(connection: Connection) -> list[str]:
    """The scopes that an account is known not to have granted for it."""
    return listening.lacking(connection)


def earned(copy: FlowRevenue) -> list[Earned]:
    return [Earned(*row) for row in copy.flows]


def _read(copy: FlowRevenue) -> None:
    began_at = cast(datetime, copy.next_look_at) - copies.LEASE  # it was set when the turn was taken
    if not copy.metric_id or lacking(copy.connection):
        copies.note(copy, tried_at=began_at, problem="")
        return
    reading = FlowReading.objects.filter(connection=copy.connection_id).first()
    if reading is None or reading.read_at is None:
        copies.note(copy, tried_at=began_at, problem=NOT_READ)
        copies.look_again(copy, SOON)
        return
    until = timezone.now()
    since = _midnight(copy.connection, until - SPAN)
    ids = sorted({flow.id for found in listening.started(reading).values() for flow in found})
    try:
        rows = _earned(copy, ids, since, until)
    except IntegrationError as error:
        copies.note(copy, tried_at=began_at, problem=error.sentence)
        if isinstance(error, TemporaryError):
            copies.look_again(copy, max(error.retry_after or timedelta(), copies.AFTER_TROUBLE))
        return
    told = [(one.flow_id, values.text(one.name), one.recipients, one.conversions, one.value) for one in rows]
    referred = {currency: str(total) for currency, total in orders(copy.connection, since, until).items()}
    same = FlowRevenue.objects.filter(pk=copy.pk, metric_id=copy.metric_id)  # somebody may have chosen another
    span: dict[str, Any] = {"since": since, "until": until, "currency": copy.connection.currency}
    same.update(flows=told, referred=referred, read_at=Now(), tried_at=began_at, problem="", **span)


def _earned(copy: FlowRevenue, ids: Sequence[str], since: datetime, until: datetime) -> list[Earned]:
    rests.obey(copy.connection, published.operation("query_flow_values"))
    client = Client(copy.connection, is_backlog=True, deadline=Deadline(copies.SECONDS), patient=True)
    found: list[Earned] = []
    for first in range(0, len(ids), FLOWS_OF_A_REPORT):
        some = ids[first : first + FLOWS_OF_A_REPORT]
        found += flows.earned(client, copy.metric_id, some, since, until)
    return sorted((one for one in found if one.flow_id in ids), key=lambda one: (-one.value, one.name))


def orders(connection: Connection, since: datetime, until: datetime) -> dict[str, Decimal]:
    """By currency, what friends' orders came to in the stores of an account, without what was paid back."""
    stores = StoreSetting.objects.filter(connection=connection, is_enabled=True).values("store")
    theirs = Conversion.objects.filter(
        program__store__in=stores, is_own=False, occurred_at__gte=since, occurred_at__lt=until
    )
    found: dict[str, Decimal] = {}
    for row in theirs.order_by().values("currency", "kind").annotate(sum=Sum("total")):
        sign = -1 if row["kind"] == Conversion.Kind.REFUND else 1
        found[row["currency"]] = found.get(row["currency"], Decimal()) + sign * row["sum"]
    return found


def _midnight(connection: Connection, moment: datetime) -> datetime:
    """When the day of that moment began in the account's time zone, as Klaviyo counts by days."""
    try:
        zone: Any = ZoneInfo(connection.timezone or "UTC")
    except (ValueError, OSError, LookupError):
        zone = UTC
    return moment.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


ROTA = Rota(FlowRevenue, _read, every=EVERY, lease=copies.LEASE)
