"""Leases: a worker claims deliveries together for a time, extends it, and what a dead worker held is given back.

A worker's death makes suspects of what it held. They are halved, and go by halves, until the one that kills is alone;
whatever goes well is cleared.
"""

import time
import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from django.db import connection as database
from django.db import transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.functions import Greatest, Now

from integrations import outcomes, providers
from integrations.models import Attempt, Connection, Delivery, Job, Lease, Place
from integrations.outbox.due import (
    EVER,
    MOST_LOOKED_AT,
    NOW,
    Lot,
    Waits,
    Window,
    free,
    look,
    lots,
    more,
    stand_in_line,
    suspects,
)
from integrations.outcomes import CalledOff, Retry
from integrations.reasons import Who, declare

State = Delivery.State

LEASE = timedelta(seconds=60)  # four times what one request may take
KEPT = timedelta(seconds=20)  # where a heartbeat takes it anew (see `workers.heartbeat`)
BATCH = 100
CRASHES_FAILED = 5  # of what was alone at the last one
MOST_WORKERS = 16  # at one connection at a time: as many as it takes at its limit when answers are slow
MOST_GIVEN_BACK = 50  # leases in one transaction
LATE_JOBS = timedelta(minutes=2)
NEVER_GIVEN_UP = timedelta(minutes=30)
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

_at_work: dict[uuid.UUID, float] = {}  # this process's leases, and when something last happened at them
_are_kept = False


def claim(
    connection: Connection,
    limit: int = BATCH,
    wanted: Sequence[Lot] | None = None,
    window: Window = EVER,
    newest: int = 0,
    waits: Waits | None = None,
) -> list[Delivery]:
    """Lease due deliveries to the caller; counted as attempts now, so that a crash counts too.

    Of the lots that are `wanted`, or of all; then suspects come before all others, apart. The oldest go first; `newest`
    of a hundred are the newest instead. What cannot go yet is passed over as it is.
    """
    if wanted is None and (batch := claim_suspects(connection)):
        return batch
    mine = lots(connection) if wanted is None else list(wanted)
    with transaction.atomic():
        stand_in_line(connection.pk)
        few = limit * newest // 100
        lease = Lease(connection=connection)
        claimed = _first(lease, limit - few, mine, window, waits)
        if few and len(claimed) == limit - few:
            claimed += _newest(lease, few, mine, window, waits, claimed)
        return _leased(lease, claimed)


def claim_suspects(connection: Connection, kinds: Collection[str] | None = None) -> list[Delivery]:
    """Lease together what was in a dead worker's hands together; those of one kind that go in the same way."""
    known = {kind.name: kind for kind in providers.get(connection.provider).kinds}
    with transaction.atomic():
        stand_in_line(connection.pk)
        found = suspects(connection, known.keys() if kinds is None else kinds)
        if not found:
            return []
        first = found[0]
        together = [one.pk for one in found if _go_together(one, first)]
        many = known[first.kind].many
        lease = Lease(connection=connection)
        most = many.most if many and not first.is_alone else BATCH
        return _leased(lease, _taken(lease, together, most, first.suspects))


def _go_together(one: Place, first: Place) -> bool:
    return (one.suspects, one.kind, one.is_alone) == (first.suspects, first.kind, first.is_alone)


def extend(batch: Sequence[Delivery]) -> None:
    """Take the lease of a claimed batch anew, in full: what is to come may take long, whatever becomes of the heart."""
    leases = _leases(batch)
    _note(batch, leases)
    Lease.objects.filter(pk__in=leases).update(until=Now() + LEASE)


def keep(batch: Sequence[Delivery]) -> None:
    """Take the lease anew, if a sixth of it may be over: what is to come may need nearly all the rest."""
    if time.monotonic() > min(delivery.leased_at for delivery in batch) + LEASE.total_seconds() / 6:
        extend(batch)


def end(batch: Sequence[Delivery]) -> None:
    """The lease of what is settled is over; with anything left, it ends by itself."""
    leases = _leases(batch)
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


def check(deliveries: Sequence[Delivery]) -> None:
    """Raise CalledOff when one of them is no longer the caller's: then nothing of it is sent or written any more."""
    if deliveries and not are_ours(deliveries):
        raise CalledOff(LOST)


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
    last = Lease.objects.filter(pk=OuterRef("lease"), until__gt=Now())
    return mine(deliveries).filter(Exists(last)).count() == len(deliveries)


def is_well_served(connection_id: int) -> bool:
    """Whether as many workers as one connection may have are at it already."""
    return Lease.objects.filter(connection=connection_id, until__gt=Now())[:MOST_WORKERS].count() >= MOST_WORKERS


def give_back_expired() -> int:
    """Queue again what dead workers held, as suspects; a delivery that keeps killing its worker fails."""
    with transaction.atomic():
        over = Lease.objects.filter(until__lt=Now()).order_by("until").select_for_update(skip_locked=True)
        return sum(_give_back(lease) for lease in list(over[:MOST_GIVEN_BACK])) + _of_late_jobs()


def mine(deliveries: Sequence[Delivery]) -> QuerySet[Delivery]:
    """The deliveries that are still leased to the caller."""
    pks = [delivery.pk for delivery in deliveries]
    return Delivery.objects.filter(pk__in=pks, lease__in=_leases(deliveries), state=State.SENDING)


def _leases(deliveries: Sequence[Delivery]) -> set[uuid.UUID]:
    return {delivery.lease for delivery in deliveries if delivery.lease}


def _first(lease: Lease, limit: int, wanted: Sequence[Lot], window: Window, waits: Waits | None) -> list[Delivery]:
    """The oldest that can go; where the first cannot, further ones are looked at, up to a bound."""
    most, claimed, lanes = limit, list[Delivery](), set[str]()
    seen: set[int] = set()
    while limit > 0:
        looked = look(lease.connection_id, wanted, most, window)
        ready = free(lease.connection, [row for row in looked if row[0] not in seen], waits, lanes)
        seen.update(pk for pk, _ in looked)
        claimed += _taken(lease, ready, limit - len(claimed))
        if len(claimed) == limit or len(looked) < most or most >= MOST_LOOKED_AT:
            break
        most = more(most)
    return claimed


def _newest(
    lease: Lease, few: int, wanted: Sequence[Lot], window: Window, waits: Waits | None, beside: Sequence[Delivery]
) -> list[Delivery]:
    looked = look(lease.connection_id, wanted, few, window, newest=True)
    had = {delivery.pk for delivery in beside}
    lanes = {delivery.lane for delivery in beside if delivery.lane}
    return _taken(lease, free(lease.connection, [row for row in looked if row[0] not in had], waits, lanes), few)


def _taken(lease: Lease, pks: Sequence[int], limit: int, group: uuid.UUID | None = None) -> list[Delivery]:
    """Claim these, as far as they still wait, and nobody else is at them; of suspects, those of a group."""
    if not pks or limit <= 0:
        return []
    table, now = Delivery._meta.db_table, NOW[database.vendor]
    # SKIP LOCKED: rows that somebody is writing to are passed by, not waited for.
    # https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
    lock = " FOR UPDATE OF d SKIP LOCKED" if database.vendor == "postgresql" else ""
    suspicion = "d.lease = %s" if group else "d.lease IS NULL"
    # Once, and before anything is written: https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-CTE-MATERIALIZATION
    chosen = (
        f"SELECT d.id FROM {table} AS d WHERE d.id IN ({', '.join(['%s'] * len(pks))}) AND d.state = 'queued' "
        f"AND {suspicion} AND (d.not_after IS NULL OR d.not_after > {now}) AND EXISTS "
        f"(SELECT 1 FROM {Connection._meta.db_table} AS c WHERE c.id = d.connection_id AND c.state = 'connected') "
        f"ORDER BY d.next_try_at, d.id LIMIT {limit:d}{lock}"
    )
    claim = (
        f"WITH chosen AS MATERIALIZED ({chosen}) "
        f"UPDATE {table} SET state = 'sending', lease = %s, attempts_made = attempts_made + 1 "
        "WHERE id IN (SELECT id FROM chosen) RETURNING *"
    )
    values = [*pks, *([_adapted(group)] if group else []), _adapted(lease.pk)]
    return list(Delivery.objects.raw(claim, values))


def _adapted(id: uuid.UUID) -> str:
    return str(id) if database.features.has_native_uuid_field else id.hex


def _leased(lease: Lease, claimed: list[Delivery]) -> list[Delivery]:
    """The claimed in the order of their ids, and their lease written down."""
    if claimed:
        claimed.sort(key=lambda delivery: delivery.pk)
        lease.deliveries, lease.until = [delivery.pk for delivery in claimed], Now() + _length()
        lease.save(force_insert=True)
        _note(claimed, {lease.pk})
    return claimed


def _note(batch: Sequence[Delivery], leases: set[uuid.UUID]) -> None:
    now = time.monotonic()
    _at_work.update(dict.fromkeys(leases, now))
    for delivery in batch:
        delivery.leased_at = now


def _length() -> timedelta:
    return KEPT if _are_kept else LEASE


def _give_back(lease: Lease) -> int:
    """One dead worker's batch: by halves; what was alone, and has killed before, fails, or waits for long."""
    rows = Delivery.objects.filter(pk__in=lease.deliveries, lease=lease.pk, state=State.SENDING)
    pks = list(rows.order_by("pk").values_list("pk", flat=True))
    Lease.objects.filter(pk=lease.pk).delete()
    if len(pks) == 1:
        failing = rows.filter(crashes__gte=CRASHES_FAILED - 1)
        given_up = {"state": State.FAILED, "settled_at": Now(), **outcomes.words(CRASHED)}
        failing.exclude(kind__in=providers.persons_acts()).update(lease=None, crashes=F("crashes") + 1, **given_up)
        later = {"state": State.QUEUED, "next_try_at": Now() + NEVER_GIVEN_UP, **outcomes.words(CRASHED)}
        failing.update(lease=uuid.uuid4(), crashes=F("crashes") + 1, **later)  # what a person asked for
    # What died before its request has never been tried: attempts are on record before they are made.
    untried = ~Exists(Attempt.deliveries.through._default_manager.filter(delivery=OuterRef("pk")))
    rows.filter(untried, attempts_made=1).update(attempts_made=0)
    for half in (pks[: len(pks) // 2], pks[len(pks) // 2 :]):
        back = rows.filter(pk__in=half) if half else rows.none()
        back.update(lease=uuid.uuid4(), crashes=F("crashes") + 1, state=State.QUEUED, next_try_at=Now())
    return len(pks)


def _of_late_jobs() -> int:
    """What a job holds long after it should have ended, as nobody has looked."""
    late = Job.objects.filter(state=Job.State.RUNNING, gives_up_at__lt=Now() - LATE_JOBS).values_list("pk", flat=True)
    rows = Delivery.objects.filter(job__in=list(late[:MOST_GIVEN_BACK]), state=State.SENDING, lease=None)
    pks = list(rows.select_for_update(skip_locked=True, of=("self",)).values_list("pk", flat=True)[:10_000])
    back = Delivery.objects.filter(pk__in=pks)
    return back.update(state=State.QUEUED, next_try_at=Now(), crashes=F("crashes") + 1)
