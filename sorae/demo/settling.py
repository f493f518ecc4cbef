"""Waiting with a deadline: until something has come about, and until every delivery is settled."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.confirmation import turns
from klaviyo.models import Reading
from sorae.demo import DemoError

LOOK_EVERY = 0.5
SECONDS = 600.0  # a minute finds again whatever was lost; a slow machine takes longer
PATIENCE_SECONDS = 240.0  # without any change; a dead worker's lease takes one minute, a rate limit another

FOR_LONG = timedelta(minutes=3)
ONE_AFTER_THE_OTHER = ("invite_waits", "one_at_a_time")
LIMITS = ("advocate_cap", "one_job_in_30_minutes")

State = Delivery.State


def until(has_come: Callable[[], Any], what: str, check: Callable[[], None]) -> None:
    """`check` raises when the demo is to end."""
    deadline = time.monotonic() + SECONDS
    while not has_come():
        check()
        if time.monotonic() > deadline:
            raise DemoError(f"{what}: this did not come about in time. See {Path(settings.VAR_DIR) / 'logs'}.")
        time.sleep(LOOK_EVERY)


@dataclass(frozen=True)
class Standing:
    """How far the deliveries are. What is held waits for a person, and what a limit has put off for its
    hour: both count as settled here."""

    open: int
    total: int
    is_stuck: bool = False


def wait() -> Iterator[Standing]:
    """Where it stands, every half second, until nothing is open; or stuck, when nothing changes for long."""
    last, changed_at = "", time.monotonic()
    while True:
        states = by_state()
        waiting = states.get(State.QUEUED, 0) + states.get(State.SENDING, 0) - postponed()
        now = Standing(waiting, sum(states.values()))
        if repr(states) != last:
            last, changed_at = repr(states), time.monotonic()
        if time.monotonic() - changed_at > PATIENCE_SECONDS:
            yield Standing(now.open, now.total, is_stuck=True)
            return
        yield now
        if not now.open:
            return
        _hurry(now.open)
        time.sleep(LOOK_EVERY)


def read_back(seconds: float = 0.0) -> int:
    """See now what accounts hold, instead of each account in its turn, for so long; how many are not confirmed then."""
    ends_at = time.monotonic() + seconds
    while True:
        Reading.objects.update(next_look_at=None)
        turns.take_all()
        told = Delivery.objects.filter(kind="event", state=State.ACCEPTED)
        left = told.filter(connection__state=Connection.State.CONNECTED).count()
        if not left or time.monotonic() > ends_at:
            return left
        time.sleep(LOOK_EVERY)


def _hurry(still_open: int) -> None:
    """What only waits for something else of its person that is settled by now need not wait out its minute."""
    waiting = Delivery.objects.filter(state=State.QUEUED, reason_code__in=ONE_AFTER_THE_OTHER)
    if waiting.count() >= still_open:
        waiting.update(next_try_at=timezone.now())


def postponed() -> int:
    """What a limit has put off for so long that nobody waits for it."""
    later = timezone.now() + FOR_LONG
    return Delivery.objects.filter(state=State.QUEUED, next_try_at__gt=later, reason_code__in=LIMITS).count()


def total() -> int:
    return Delivery.objects.count()


def by_state() -> dict[str, int]:
    return _counted("state")


def by_reason() -> dict[str, int]:
    counted = _counted("reason_code")
    counted.pop("", None)
    return counted


def by_state_and_reason() -> list[tuple[str, str, int]]:
    rows = Delivery.objects.order_by().values_list("state", "reason_code").annotate(Count("pk"))
    return sorted(rows, key=lambda row: (list(State.values).index(row[0]), -row[2]))


def _counted(field: str) -> dict[str, int]:
    return dict(Delivery.objects.order_by(field).values_list(field).annotate(Count("pk")))
