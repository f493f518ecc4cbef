"""Days: how many deliveries of each connection were delivered, not sent, or failed on it, for a picture of a month.

Each is counted once, some minutes after it is over, by a look into an index that holds what was settled on it, however
much waits or was settled before.
"""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from django.db import transaction
from django.db.models import Count
from django.utils import timezone

from integrations import outcomes, shutdown
from integrations.models import Connection, Day, Delivery, Place
from integrations.outbox.due import by_index

State = Delivery.State

SHOWN = 30  # today among them
KEPT = timedelta(days=60)
IS_OVER_AFTER = timedelta(minutes=10)  # what was settled before midnight is committed by then
SECONDS = 2.0  # of one turn
DELIVERED = (State.ACCEPTED, State.CONFIRMED)
COUNTED = (*DELIVERED, State.SKIPPED, State.FAILED)


def count() -> int:
    """Count what days are over and not counted yet, for a bounded time; how many."""
    ends_at, total = time.monotonic() + SECONDS, 0
    for connection_id, day in _uncounted():
        if time.monotonic() > ends_at or shutdown.asked():
            return total
        _count(connection_id, day)
        total += 1
    Day.objects.filter(day__lt=timezone.now() - KEPT).delete()
    return total


def last() -> date:
    """The last day that is over."""
    return (timezone.now() - IS_OVER_AFTER).astimezone(UTC).date() - timedelta(days=1)


def _uncounted() -> Iterator[tuple[int, date]]:
    """Connections whose last day is counted have all of them: the latest is counted last."""
    upto = last()
    first = upto - timedelta(days=SHOWN - 2)
    behind = Connection.objects.exclude(days__day=upto).order_by("pk").values_list("pk", "created_at")
    for connection_id, created_at in list(behind):
        known = set(Day.objects.filter(connection=connection_id, day__gte=first).values_list("day", flat=True))
        since = max(first, created_at.astimezone(UTC).date())
        for number in range((upto - since).days + 1):
            if (day := since + timedelta(days=number)) not in known:
                yield connection_id, day
        if upto < since:
            yield connection_id, upto


@transaction.atomic
def _count(connection_id: int, day: date) -> None:
    """Two workers that count the same come to the same."""
    by_index()
    starts = datetime.combine(day, datetime.min.time(), UTC)
    on_it = {"connection": connection_id, "settled_at__gte": starts, "settled_at__lt": starts + timedelta(days=1)}
    on_it["is_named__in"] = Place.ANY_NAMED
    rows = Place.objects.filter(**on_it, state__in=COUNTED).order_by().values_list("state").annotate(Count("pk"))
    by_state = dict(rows)
    skipped = Place.objects.filter(**on_it, state=State.SKIPPED)
    superseded = skipped.filter(delivery__reason_code=outcomes.SUPERSEDED.code).count() if by_state else 0
    counts = {
        "delivered": sum(by_state.get(state, 0) for state in DELIVERED),
        "held_back": by_state.get(State.SKIPPED, 0) - superseded,
        "failed": by_state.get(State.FAILED, 0),
    }
    Day.objects.update_or_create(connection_id=connection_id, day=day, defaults=counts)
