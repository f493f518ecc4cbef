"""Leases: deliveries are taken together for a time, which is extended while work goes on, and ends with it."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Greatest, Now

from integrations import lookups, providers
from integrations.models import Attempt, Connection, Delivery, Lease, Pause
from integrations.outbox.due import NOW
from integrations.outcomes import CalledOff, Retry
from integrations.pauses import BY_HAND, by_hand
from integrations.reasons import Who, declare
from integrations.wire import attempts

State = Delivery.State

LEASE = timedelta(seconds=60)  # four times what one request may take
KEPT = timedelta(seconds=20)  # where a heartbeat takes it anew (see `workers.heartbeat`)
CHECKED_FOR = 1.0  # seconds: a commit that takes longer says nothing of whose a delivery is by then
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
_at_work: dict[uuid.UUID, float] = {}  # this process's leases, and when something last happened at them
_are_kept = False


def taken(lease: Lease, pks: Sequence[int], limit: int, group: uuid.UUID | None = None) -> list[Delivery]:
    """Claim these, as far as they still wait, and nobody else is at them; of suspects, those of a group."""
    if not pks or limit <= 0:
        return []
    table, now = Delivery._meta.db_table, NOW[database.vendor]
    # SKIP LOCKED: rows that somebody is writing to are passed by, not waited for.
    # https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
    lock = " FOR UPDATE OF d SKIP LOCKED" if database.vendor == "postgresql" else ""
    suspicion = "d.lease = %s" if group else "d.lease IS NULL"
    among, ids = lookups.among(pks)
    # Once, and before anything is written: https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-CTE-MATERIALIZATION
    chosen = (
        f"SELECT d.id FROM {table} AS d WHERE d.id {among} AND d.state = 'queued' "
        f"AND {suspicion} AND (d.not_after IS NULL OR d.not_after > {now}) AND EXISTS "
        f"(SELECT 1 FROM {Connection._meta.db_table} AS c WHERE c.id = d.connection_id AND c.state = 'connected') "
        f"ORDER BY d.next_try_at, d.id LIMIT {limit:d}{lock}"
    )
    claim = (
        f"WITH chosen AS MATERIALIZED ({chosen}) "
        f"UPDATE {table} SET state = 'sending', lease = %s, attempts_made = attempts_made + 1 "
        "WHERE id IN (SELECT id FROM chosen) RETURNING *"
    )
    values = [ids, *([_adapted(group)] if group else []), _adapted(lease.pk)]
    claimed = list(Delivery.objects.raw(claim, values))
    for delivery in claimed:
        delivery.as_claimed = delivery.contents
    return claimed


def _adapted(id: uuid.UUID) -> str:
    return str(id) if database.features.has_native_uuid_field else id.hex


def leased(lease: Lease, claimed: list[Delivery]) -> list[Delivery]:
    """The claimed in the order of their ids, and their lease written down."""
    if claimed:
        claimed.sort(key=lambda delivery: delivery.pk)
        lease.deliveries, lease.until = [delivery.pk for delivery in claimed], Now() + _length()
        lease.save(force_insert=True)
        _note(claimed, {lease.pk})
    return claimed


def extend(batch: Sequence[Delivery]) -> None:
    """Take the lease of a claimed batch anew, in full: what is to come may take long, whatever becomes of the heart."""
    leases = leases_of(batch)
    _note(batch, leases)
    Lease.objects.filter(pk__in=leases).update(until=Now() + LEASE)


def keep(batch: Sequence[Delivery]) -> None:
    """Take the lease anew, if a sixth of it may be over: what is to come may need nearly all the rest."""
    if time.monotonic() > min(delivery.leased_at for delivery in batch) + LEASE.total_seconds() / 6:
        extend(batch)


def end(batch: Sequence[Delivery]) -> None:
    """The lease of what is settled is over; with anything left, it ends by itself."""
    leases = leases_of(batch)
    for lease in leases:
        _at_work.pop(lease, None)
    left = mine(batch).filter(lease=OuterRef("pk"))
    Lease.objects.filter(~Exists(left), pk__in=leases).delete()


def be_kept(is_beating: bool) -> None:
    """Whether leases may be short from now on, as a heartbeat keeps them."""
    global _are_kept
    _are_kept = is_beating


def keep_those_at_work() -> int:
    """Take anew, in one statement, the leases at which something has happened within LEASE; how many. None is cut."""
    since = time.monotonic() - LEASE.total_seconds()
    for lease in [lease for lease, at in list(_at_work.items()) if at <= since]:
        _at_work.pop(lease, None)
    alive = list(_at_work)
    longer = Greatest("until", Now() + _length())
    return Lease.objects.filter(pk__in=alive).update(until=longer) if alive else 0


def record_while_ours(attempt: Attempt, deliveries: Sequence[Delivery]) -> None:
    """Put an attempt on record, and `check` in the same statement (PostgreSQL), or again where that took its time."""
    began_at = time.monotonic()
    if database.vendor != "postgresql":
        check(deliveries)
        attempts.record(attempt, deliveries)
        return
    count, values = _counting_what_may_go(deliveries)
    attempts.record(attempt, deliveries, f"({count}) = {len(deliveries):d}", values)
    if attempt.pk is not None and time.monotonic() > began_at + CHECKED_FOR and not are_ours(deliveries):
        attempt.delete()
        attempt.pk = None
    if attempt.pk is None:
        raise CalledOff(by_hand.WAITS if are_ours(deliveries) else LOST)


def check(deliveries: Sequence[Delivery]) -> None:
    """Raise CalledOff when one of them is no longer the caller's: then nothing of it is sent or written any more.

    Nor is it sent when an operator has paused its account since it was claimed.
    """
    if deliveries and _ours(deliveries).filter(by_hand.lets_go()).count() != len(deliveries):
        raise CalledOff(by_hand.WAITS if are_ours(deliveries) else LOST)


@contextmanager
def held(delivery: Delivery) -> Iterator[None]:
    """A transaction in which nobody takes the delivery from the caller. Raises CalledOff when somebody has."""
    with transaction.atomic():
        row = Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease, state=State.SENDING)
        locked = row.select_for_update(no_key=True).values_list("pk").first()
        if not locked or not are_ours([delivery]):
            raise CalledOff(LOST)
        yield


def are_ours(deliveries: Sequence[Delivery]) -> bool:
    """Whether all are still the caller's."""
    if database.vendor == "postgresql":
        count, values = _counting_ours(deliveries)
        with database.cursor() as cursor:
            cursor.execute(count, values)
            return bool(cursor.fetchone()[0] == len(deliveries))
    return _ours(deliveries).count() == len(deliveries)


def is_well_served(connection_id: int) -> bool:
    """Whether as many workers as one connection may have are at it already."""
    return Lease.objects.filter(connection=connection_id, until__gt=Now())[:MOST_WORKERS].count() >= MOST_WORKERS


def mine(deliveries: Sequence[Delivery]) -> QuerySet[Delivery]:
    """The deliveries that are still leased to the caller."""
    pks = [delivery.pk for delivery in deliveries]
    return Delivery.objects.filter(pk__among=pks, lease__in=leases_of(deliveries), state=State.SENDING)


def _ours(deliveries: Sequence[Delivery]) -> QuerySet[Delivery]:
    last = Lease.objects.filter(pk=OuterRef("lease"), until__gt=Now())
    return mine(deliveries).filter(Exists(last))


def _counting_ours(deliveries: Sequence[Delivery]) -> tuple[str, list[str]]:
    """How many are still the caller's (PostgreSQL)."""
    return _OURS, [lookups.array(one.pk for one in deliveries), lookups.array(leases_of(deliveries))]


def _counting_what_may_go(deliveries: Sequence[Delivery]) -> tuple[str, list[str]]:
    """How many are still the caller's, and in no account that an operator has paused (PostgreSQL)."""
    count, values = _counting_ours(deliveries)
    return f"{count} AND {_NOT_PAUSED}", [*values, lookups.array(providers.persons_acts())]


_OURS = f"""
    SELECT COUNT(*) FROM {Delivery._meta.db_table} AS d
    JOIN {Lease._meta.db_table} AS l ON l.id = d.lease AND l.until > {NOW["postgresql"]}
    WHERE d.id = ANY(%s::bigint[]) AND d.lease = ANY(%s::uuid[]) AND d.state = '{State.SENDING}'
"""
#: As `by_hand.lets_go`.
_NOT_PAUSED = f"""(
    d.kind = ANY(%s::text[]) OR NOT EXISTS (
        SELECT 1 FROM {Pause._meta.db_table} AS p WHERE p.connection_id = d.connection_id AND p.kind = '{BY_HAND}'
    )
)"""


def leases_of(deliveries: Sequence[Delivery]) -> set[uuid.UUID]:
    return {delivery.lease for delivery in deliveries if delivery.lease}


def _note(batch: Sequence[Delivery], leases: set[uuid.UUID]) -> None:
    now = time.monotonic()
    _at_work.update(dict.fromkeys(leases, now))
    for delivery in batch:
        delivery.leased_at = now


def _length() -> timedelta:
    return KEPT if _are_kept else LEASE
