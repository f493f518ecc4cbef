"""Suspects: what a dead worker held. It is halved, and goes by halves, until the one that kills is alone.

Whatever goes well is cleared.
"""

import uuid
from collections.abc import Collection
from datetime import timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.functions import Now

from integrations import outcomes, providers
from integrations.models import Attempt, Connection, Delivery, Job, Lease, Place
from integrations.outbox.due import stand_in_line, suspects
from integrations.outbox.leasing import leased, taken
from integrations.reasons import Who, declare

State = Delivery.State

BATCH = 100
CRASHES_FAILED = 5  # of what was alone at the last one
MOST_GIVEN_BACK = 50  # leases in one transaction
LATE_JOBS = timedelta(minutes=2)
NEVER_GIVEN_UP = timedelta(minutes=30)
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
        return leased(lease, taken(lease, together, most, first.suspects))


def _go_together(one: Place, first: Place) -> bool:
    return (one.suspects, one.kind, one.is_alone) == (first.suspects, first.kind, first.is_alone)


def give_back_expired() -> int:
    """Queue again what dead workers held, as suspects; a delivery that keeps killing its worker fails."""
    with transaction.atomic():
        over = Lease.objects.filter(until__lt=Now()).order_by("until").select_for_update(skip_locked=True)
        return sum(_give_back(lease) for lease in list(over[:MOST_GIVEN_BACK])) + _of_late_jobs()


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
