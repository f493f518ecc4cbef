"""Copies of what accounts say about their flows: one row an account, read by workers in turns."""

from datetime import timedelta
from typing import Any

from django.db.models import F
from django.db.models.functions import Now

from integrations.models import Connection
from integrations.workers.rota import Rota
from klaviyo.models import FlowReading, FlowRevenue

LEASE = timedelta(minutes=3)
SECONDS = 60.0  # of one turn
AFTER_TROUBLE = timedelta(minutes=5)

Copy = type[FlowReading] | type[FlowRevenue]


def take_all(rota: Rota, model: Copy) -> int:
    """A turn for every account that is due; one that was connected anew is, as it may be allowed more now."""
    rows: Any = model._default_manager
    connected = Connection.objects.filter(provider="klaviyo", state=Connection.State.CONNECTED)
    without = connected.exclude(pk__in=rows.values("connection"))
    rows.bulk_create([model(connection=one) for one in without], ignore_conflicts=True)
    at_rest = rows.filter(next_look_at__gt=Now() + LEASE, tried_at__lt=F("connection__connected_at"))
    rows.filter(pk__in=at_rest.values("pk")).update(next_look_at=Now())
    return rota.take_all()


def ask(model: Copy, connection: Connection, **changes: Any) -> None:
    """Have it read as soon as a worker looks."""
    rows: Any = model._default_manager
    copy, is_new = rows.get_or_create(connection=connection)
    if changes or not (is_new or copy.is_awaited):
        rows.filter(pk=copy.pk).update(asked_at=Now(), next_look_at=Now(), **changes)


def note(copy: FlowReading | FlowRevenue, **fields: Any) -> None:
    type(copy)._default_manager.filter(pk=copy.pk).update(**fields)


def look_again(copy: FlowReading | FlowRevenue, wait: timedelta) -> None:
    """Unless somebody asked meanwhile, who waits for no pause."""
    same = type(copy)._default_manager.filter(pk=copy.pk, next_look_at=copy.next_look_at)
    same.update(next_look_at=Now() + wait)
