"""Due deliveries, which may be claimed now, and the connections that have some."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from integrations import pauses, providers
from integrations.models import Connection, Delivery, Pause
from integrations.pauses import message_hold

State = Delivery.State

FRESH = timedelta(minutes=1)  # what has been due for longer than the widest window of a limit is a backlog


def due(connection: Connection) -> QuerySet[Delivery]:
    """Deliveries that may be claimed now: their time has come, and none of their lane is ahead (see `Delivery`)."""
    return (
        _waiting(connection.pk)
        .filter(connection__state=Connection.State.CONNECTED)
        .filter(Q(not_after=None) | Q(not_after__gt=Now()))
        .order_by("next_try_at", "pk")
    )


def connections_with_work() -> list[int]:
    """Connections that have something due which does not rest, the least recently served first."""
    ready = Connection.objects.filter(Exists(_waiting(OuterRef("pk"))), state=Connection.State.CONNECTED)
    in_turn = ready.order_by(F("served_at").asc(nulls_first=True), "pk").values_list("pk", flat=True)
    rests: dict[int | None, list[Pause]] = defaultdict(list)
    for pause in pauses.active():
        rests[pause.connection_id].append(pause)
    return [pk for pk in in_turn if _is_any_awake(pk, rests[None] + rests[pk])]


def _is_any_awake(connection_id: int, rests: Sequence[Pause]) -> bool:
    """Whether something that is due does not rest."""
    awake = _waiting(connection_id)
    for pause in rests:
        kind = Q(kind=pause.kind) if pause.kind != pauses.EVERYTHING else Q()
        awake = awake.exclude(kind & Q(next_try_at__lte=Now() - (FRESH if pause.backlog_only else timedelta())))
    return not rests or awake.exists()


def _waiting(connection: OuterRef | int) -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(connection=connection, state=State.QUEUED, next_try_at__lte=Now())
    if message_hold.is_on():
        rows = rows.exclude(providers.messages())
    return rows.exclude(~Q(lane="") & Exists(ahead()))


def ahead() -> QuerySet[Delivery]:
    """The open deliveries before one in its lane."""
    same = {"connection": OuterRef("connection"), "lane": OuterRef("lane")}
    return Delivery.objects.filter(**same, pk__lt=OuterRef("pk"), state__in=(State.QUEUED, State.SENDING))
