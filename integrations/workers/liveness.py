"""Liveness of the workers: sweeps come to their end, and a worker turns to whatever is due.

A worker that answers a ping may have stopped to take messages; one that is busy may not answer. So nobody is pinged.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery, Place

SWEPT = "last_sweep"
OLDEST, SWEEP = timedelta(minutes=5), timedelta(minutes=1)


def swept() -> None:
    """A sweep has come to its end. Written where every process of this machine and (with Redis) every machine looks."""
    with suppress(OSError):
        _file().touch()
    if settings.REDIS_URL:
        cache.set(SWEPT, timezone.now().timestamp(), timeout=None)


def last_sweep_at() -> datetime | None:
    """When the last sweep ended, as far as anybody knows."""
    known = [cache.get(SWEPT) if settings.REDIS_URL else None]
    with suppress(OSError):
        known.append(_file().stat().st_mtime)
    latest = max((float(at) for at in known if at), default=None)
    return datetime.fromtimestamp(latest, UTC) if latest else None


def trouble(oldest: timedelta = OLDEST, sweep: timedelta = SWEEP) -> str:
    """What is wrong with the workers, in a sentence; empty when they work."""
    at = last_sweep_at()
    if at is None:
        return "No sweep has come to its end yet: start a worker and beat, or drain --loop."
    if timezone.now() - at > sweep:
        return f"The last sweep ended {round((timezone.now() - at).total_seconds())} seconds ago."
    if left := _left_alone(oldest):
        ids = ", ".join(map(str, left))
        return f"Nobody has turned to connection {ids} for {round(oldest.total_seconds())} seconds, and work is due."
    return ""


def _left_alone(since: timedelta) -> list[int]:
    """Connections with work that has been due for long, at which no worker has been for as long."""
    due = Place.objects.filter(connection=OuterRef("pk"), state=Delivery.State.QUEUED, next_try_at__lte=Now() - since)
    nobody_came = Q(served_at=None) | Q(served_at__lt=Now() - since)
    rows = Connection.objects.filter(nobody_came, Exists(due), pk__in=outbox.connections_with_work())
    return list(rows.order_by("pk").values_list("pk", flat=True)[:10])


def _file() -> Path:
    return Path(settings.VAR_DIR) / "swept"
