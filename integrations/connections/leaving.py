"""Leaving: an account is disconnected by itself once what waits for it is delivered, or the time is up.

What waited when somebody said so is waited for. What happens meanwhile goes as well, as live traffic always does, but
nothing waits for it: what is left of it at the end is kept like all else. While the account must be connected again
nothing ends by itself: somebody has to choose anew. Connecting it calls the leaving off.
"""

from datetime import timedelta

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from integrations import outbox, shutdown
from integrations.connections import disconnection
from integrations.models import Connection, Delivery, Leaving
from integrations.outbox.due import by_index
from integrations.pauses import by_hand

State = Delivery.State

GOING = (State.QUEUED, State.SENDING)
LOOKED_AT = 1_000
COUNTED = 10_000
DEFAULT = timedelta(hours=1)
LIMITS = {"15 minutes": timedelta(minutes=15), "1 hour": DEFAULT, "1 day": timedelta(days=1)}  # to choose from
NOT_CONNECTED = "It cannot be delivered now, as the account must be connected again first."
PAUSED = "It cannot be delivered now, as the account is paused. Resume it first."


def obstacle(connection: Connection) -> str:
    """Why what waits cannot be delivered now, in a sentence; empty where it can."""
    if not connection.is_connected:
        return NOT_CONNECTED
    return PAUSED if by_hand.of(connection) else ""


@transaction.atomic
def begin(connection: Connection, user: User, limit: timedelta) -> Leaving | None:
    """Disconnect once what waits now is delivered. None when there is an `obstacle`, or nothing waits.

    Begun a second time, it is as it was.
    """
    connected = Connection.objects.select_for_update(no_key=True).filter(state=Connection.State.CONNECTED)
    if connected.filter(pk=connection.pk).first() is None:
        return None
    if there := Leaving.objects.filter(connection=connection).first():
        return there
    if by_hand.of(connection):
        return None
    waiting = connection.places.filter(state__in=Delivery.OPEN)
    upto = waiting.order_by("-delivery").values_list("delivery", flat=True).first()
    going = waiting.filter(state__in=GOING).count()
    if upto is None or not (going or outbox.is_releasing(connection)):
        return None
    now = timezone.now()
    return Leaving.objects.create(
        connection=connection, user=user, upto=upto, number=going, began_at=now, ends_at=now + limit
    )


def call_off(connection: Connection) -> bool:
    """Stay connected; False when it was not leaving."""
    return bool(Leaving.objects.filter(connection=connection).delete()[0])


def left(leaving: Leaving) -> int:
    """How many of those that are waited for are not delivered yet, counted as far as COUNTED."""
    rows = leaving.connection.places.filter(state__in=GOING, delivery__lte=leaving.upto)
    return rows.order_by()[:COUNTED].count()


def leave_due() -> int:
    """Disconnect those whose time has come; how many."""
    count = 0
    for one in Leaving.objects.filter(connection__state=Connection.State.CONNECTED).select_related("connection"):
        if shutdown.asked():
            break
        if is_done(one):
            count += _leave(one, "all that waited was delivered first.")
        elif one.ends_at <= timezone.now():
            count += _leave(one, f"the time was up, and {left(one)} that still wait are kept.")
    return count


@transaction.atomic
def is_done(leaving: Leaving) -> bool:
    """Whether nothing is left. Looked for among the first that are due, by an index: with so many others, not yet."""
    if outbox.is_releasing(leaving.connection):
        return False
    by_index()
    for state in GOING:
        rows = leaving.connection.places.filter(state=state).order_by("next_try_at", "delivery")
        first = rows.values_list("delivery", flat=True)[:LOOKED_AT]
        if len(first) == LOOKED_AT or any(pk <= leaving.upto for pk in first):
            return False
    return True


def _leave(leaving: Leaving, how: str) -> bool:
    """Once, whichever worker comes first, and unless it was called off or has broken; on record as theirs who asked."""
    disconnection.take_away(leaving.connection)
    with transaction.atomic():
        connected = Connection.objects.select_for_update(no_key=True).filter(state=Connection.State.CONNECTED)
        if connected.filter(pk=leaving.connection_id).first() is None:
            return False
        if not Leaving.objects.filter(pk=leaving.pk).delete()[0]:
            return False
        disconnection.start(leaving.connection)
        if leaving.user_id:
            rows = Connection.objects.filter(pk=leaving.connection_id)
            sentence = f"{leaving.connection.account_name} was disconnected by itself, as asked: {how}"
            LogEntry.objects.log_actions(leaving.user_id, rows, CHANGE, sentence, single_object=True)
    disconnection.end(leaving.connection, leaving.user)
    return True
