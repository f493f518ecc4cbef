"""Leases: a worker claims deliveries for a time, extends it, and what a dead worker held is given back."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from integrations import outcomes
from integrations.models import Connection, Delivery
from integrations.outbox.due import due
from integrations.outcomes import CalledOff, Retry
from integrations.reasons import Who, declare

State = Delivery.State

LEASE = timedelta(seconds=60)  # four times what one request may take
BATCH = 100
CRASHES_ALONE = 2  # from here on a delivery is claimed by itself, so that it takes no other down
CRASHES_FAILED = 5
MOST_WORKERS = 16  # at one connection at a time: as many as it takes at its limit when answers are slow
LOST = Retry(
    declare(
        "lease_lost",
        "Taken over",
        "Somebody else has taken this over, and decides anew.",
        because="another worker has taken it over",
        means="It is decided anew there.",
        who=Who.ITSELF,
    ),
    refund=True,
)
CRASHED = outcomes.Failed(
    declare(
        "crashed_worker",
        "Worker died",
        "The worker died each time it tried this.",
        because="the work broke off each time it was tried",
        means="The process that should send it ended without a word, several times.",
        who=Who.RUNNER,
        do="Look for memory limits, then retry.",
    )
)


def claim(
    connection: Connection, limit: int = BATCH, rows: QuerySet[Delivery] | None = None, newest: int = 0
) -> list[Delivery]:
    """Lease due deliveries to the caller; counted as attempts now, so that a crash counts too.

    `rows` narrows what is due. The oldest go first; `newest` of a hundred are the newest instead.
    """
    lease, leased_at = uuid.uuid4(), time.monotonic()
    with transaction.atomic():
        # SKIP LOCKED: rows that another worker is claiming are passed by, not waited for.
        # https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
        wanted = (due(connection) if rows is None else rows).select_for_update(skip_locked=True, of=("self",))
        pks = _together(_ends(wanted, limit, limit * newest // 100))
        Delivery.objects.filter(pk__in=pks, state=State.QUEUED).update(
            state=State.SENDING, lease=lease, lease_until=Now() + LEASE, attempts_made=F("attempts_made") + 1
        )
    claimed = Delivery.objects.filter(pk__in=pks, lease=lease, state=State.SENDING) if pks else Delivery.objects.none()
    batch = list(claimed.order_by("pk"))
    for delivery in batch:
        delivery.leased_at = leased_at
    return batch


def extend(batch: Sequence[Delivery]) -> None:
    """Take the lease of a claimed batch anew."""
    leased_at = time.monotonic()
    mine(batch).update(lease_until=Now() + LEASE)
    for delivery in batch:
        delivery.leased_at = leased_at


def keep(batch: Sequence[Delivery]) -> None:
    """Take the lease anew, if a sixth of it may be over: what is to come may need nearly all the rest."""
    if time.monotonic() > min(delivery.leased_at for delivery in batch) + LEASE.total_seconds() / 6:
        extend(batch)


def check(deliveries: Sequence[Delivery]) -> None:
    """Raise CalledOff when one of them is no longer the caller's: then nothing of it is sent or written any more."""
    if deliveries and not are_ours(deliveries):
        raise CalledOff(LOST)


@contextmanager
def held(delivery: Delivery) -> Iterator[None]:
    """A transaction in which nobody takes the delivery from the caller. Raises CalledOff when somebody has."""
    with transaction.atomic():
        mine = Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease, state=State.SENDING)
        if not mine.filter(lease_until__gt=Now()).select_for_update(no_key=True).values_list("pk").first():
            raise CalledOff(LOST)
        yield


def are_ours(deliveries: Sequence[Delivery]) -> bool:
    """Whether all are still the caller's."""
    return mine(deliveries).filter(lease_until__gt=Now()).count() == len(deliveries)


def is_well_served(connection_id: int) -> bool:
    """Whether as many workers as one connection may have are at it already."""
    leased = Delivery.objects.filter(
        connection=connection_id, state=State.SENDING, lease__isnull=False, lease_until__gt=Now()
    )
    return leased.values("lease").distinct().count() >= MOST_WORKERS


def give_back_expired() -> int:
    """Queue again what dead workers held; a delivery that keeps killing its worker fails."""
    with transaction.atomic():
        expired = Delivery.objects.filter(state=State.SENDING, lease_until__lt=Now())
        pks = list(expired.select_for_update(skip_locked=True).values_list("pk", flat=True)[:10_000])
        rows = Delivery.objects.filter(pk__in=pks)
        free: dict[str, Any] = {"lease": None, "lease_until": None, "crashes": F("crashes") + 1}
        rows.filter(crashes__gte=CRASHES_FAILED - 1).update(
            **free, state=State.FAILED, settled_at=Now(), **outcomes.words(CRASHED)
        )
        rows.filter(state=State.SENDING).update(**free, state=State.QUEUED, next_try_at=Now())
    return len(pks)


def mine(deliveries: Sequence[Delivery]) -> QuerySet[Delivery]:
    """The deliveries that are still leased to the caller."""
    leases = {delivery.lease for delivery in deliveries}
    return Delivery.objects.filter(pk__in=[d.pk for d in deliveries], lease__in=leases, state=State.SENDING)


def _ends(wanted: QuerySet[Delivery], limit: int, newest: int) -> list[tuple[int, int, str]]:
    """The oldest of them, and some of the newest."""
    rows = wanted.values_list("pk", "crashes", "lane")
    found = list(rows[: limit - newest])
    if newest and len(found) == limit - newest:
        found += set(rows.order_by("-next_try_at", "-pk")[:newest]) - set(found)
    return found


def _together(rows: Sequence[tuple[int, int, str]]) -> list[int]:
    """Rows that may share a batch: one of each lane, and none that has taken workers down before."""
    lanes: set[str] = set()
    together: list[int] = []
    for pk, crashes, lane in rows:
        if crashes >= CRASHES_ALONE:
            return together or [pk]
        if not lane or lane not in lanes:
            together.append(pk)
            lanes.add(lane)
    return together
