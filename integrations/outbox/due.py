"""What may be claimed now, and whose."""

from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from integrations import pauses
from integrations.models import Connection, Delivery

State = Delivery.State

FRESH = timedelta(minutes=1)  # what has been due for longer than the widest window of a limit is a backlog


def due(connection: Connection) -> QuerySet[Delivery]:
    """What may be claimed now: its time has come, and nothing of its lane is ahead of it."""
    return (
        Delivery.objects.filter(connection=connection, state=State.QUEUED, next_try_at__lte=Now())
        .filter(connection__state=Connection.State.CONNECTED)
        .filter(Q(not_after=None) | Q(not_after__gt=Now()))
        .exclude(~Q(lane="") & Exists(ahead()))
        .order_by("next_try_at", "pk")
    )


def connections_with_work() -> list[int]:
    """Connections that have something due which does not rest, the least recently served first."""
    rests = pauses.active().filter(Q(kind="") | Q(kind=OuterRef("kind")))
    rests = rests.filter(Q(connection=None) | Q(connection=OuterRef("connection")))
    waiting = Delivery.objects.filter(connection=OuterRef("pk"), state=State.QUEUED, next_try_at__lte=Now())
    waiting = waiting.exclude(~Q(lane="") & Exists(ahead())).exclude(Exists(rests.filter(backlog_only=False)))
    waiting = waiting.exclude(Exists(rests), next_try_at__lte=Now() - FRESH)
    ready = Connection.objects.filter(Exists(waiting), state=Connection.State.CONNECTED)
    return list(ready.order_by(F("served_at").asc(nulls_first=True), "pk").values_list("pk", flat=True))


def ahead() -> QuerySet[Delivery]:
    """What is before a delivery in its lane, and not done with."""
    same = {"connection": OuterRef("connection"), "lane": OuterRef("lane")}
    return Delivery.objects.filter(**same, pk__lt=OuterRef("pk"), state__in=(State.QUEUED, State.SENDING))
