"""Bulk import jobs that Klaviyo has taken, watched until each has ended."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from integrations.models import Attempt, Connection, Delivery, Job
from integrations.outbox import leasing
from integrations.wire import attempts
from klaviyo.api.bulk import BULK_IMPORT_PROFILES, Import, ImportError

KIND = "profile"
FIRST_LOOK, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=2)
PATIENCE = timedelta(hours=24)  # how long Klaviyo may work on an import is not published
ON_THE_WIRE = timedelta(seconds=30)  # longer than a request may take
MAY_TAKE = timedelta(minutes=15)  # of an import of which nobody knows whether Klaviyo has it


Ended = Callable[[Job, Sequence[ImportError] | None, int], None]
_told: dict[str, Ended] = {}


def tell(whom: str, ended: Ended) -> None:
    """Have `ended` told how imports end whose note says that they are `for` that.

    In the transaction in which the job ends: with the errors, and how many Klaviyo counts; None where the import was
    lost, and nobody knows what it took.
    """
    _told[whom] = ended


def told_of(job: Job) -> Ended | None:
    return _told.get(str(job.note.get("for", "")))


@transaction.atomic
def begin(connection: Connection, told: Import, deliveries: Sequence[Delivery]) -> Job:
    """Klaviyo has taken an import: its deliveries wait for how it ends, no longer for a worker."""
    job = watch(connection, told, len(deliveries), {})
    leasing.mine(deliveries).update(job=job, lease=None)
    return job


def may_still_write(connection: Connection, asked_at: datetime) -> bool:
    """Whether an import that left before then may not have ended, as far as we know."""
    began = asked_at + ON_THE_WIRE
    running = Job.objects.filter(connection=connection, kind=KIND, state=Job.State.RUNNING, began_at__lt=began)
    lately = timezone.now() - MAY_TAKE
    made = Attempt.objects.filter(
        connection=connection, operation=BULK_IMPORT_PROFILES.id, started_at__gt=lately, started_at__lt=began
    )
    if running.exists() or made.exclude(attempts.TAKEN | attempts.NEVER_LEFT | attempts.REFUSED).exists():
        return True
    return _is_one_unwatched(connection, made.filter(attempts.TAKEN), lately)


def _is_one_unwatched(connection: Connection, taken: "QuerySet[Attempt]", since: datetime) -> bool:
    """Whether a worker has died between an answer and the record of the job."""
    watched = Job.objects.filter(connection=connection, kind=KIND, began_at__gt=since - ON_THE_WIRE)
    began = list(watched.values_list("began_at", flat=True))
    return any(
        not any(abs(at - left) <= ON_THE_WIRE for at in began) for left in taken.values_list("started_at", flat=True)
    )


def watch(connection: Connection, told: Import, size: int, note: dict[str, Any]) -> Job:
    """Keep an eye on an import; the note says what it is for where no delivery does."""
    now = timezone.now()
    return Job.objects.create(
        connection=connection,
        kind=KIND,
        number=told.id,
        size=size,
        note=note,
        next_look_at=now + FIRST_LOOK,
        gives_up_at=now + PATIENCE,
    )
