"""Imports of profiles that Klaviyo is working on: looked at from time to time, until each has ended.

What an import took is accepted; whom it refused is told by Klaviyo's own errors and goes alone, where the same
refusal is final. An import that was called off, forgotten, or takes a day is made again: an upsert may be repeated.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outcomes, waking
from integrations.errors import IntegrationError, Throttled
from integrations.models import Connection, Delivery, Job
from integrations.outcomes import Accepted, Outcome, Retry
from klaviyo.api import bulk
from klaviyo.api.bulk import Import
from klaviyo.api.client import Client
from klaviyo.delivery import bulks

KIND = "profile"
FIRST_LOOK, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=2)
PATIENCE = timedelta(hours=24)
LOOKS_AT_ONCE = 100
AGAIN = Retry("import_lost", "Klaviyo did not finish the import; it is made again.")

State = Delivery.State


@transaction.atomic
def begin(connection: Connection, told: Import, deliveries: Sequence[Delivery]) -> Job:
    """Klaviyo has taken an import: its deliveries wait for how it ends, no longer for a worker."""
    now = timezone.now()
    job = Job.objects.create(
        connection=connection, kind=KIND, number=told.id, size=len(deliveries),
        next_look_at=now + FIRST_LOOK, gives_up_at=now + PATIENCE,
    )  # fmt: skip
    leases = {delivery.lease for delivery in deliveries}
    mine = Delivery.objects.filter(pk__in=[d.pk for d in deliveries], lease__in=leases, state=State.SENDING)
    mine.update(job=job, lease=None, lease_until=job.gives_up_at + LONGEST_WAIT)
    return job


def look() -> None:
    """Look at those whose time has come, the most overdue first; a connection in trouble keeps none of the others."""
    away: set[int] = set()
    due = Job.objects.filter(state=Job.State.RUNNING, next_look_at__lte=Now()).select_related("connection")
    for job in due.order_by("next_look_at")[:LOOKS_AT_ONCE]:
        if job.connection_id not in away and _is_mine(job):
            try:
                _look_at(job)
            except IntegrationError as error:
                away.add(job.connection_id)
                _later(job, error.retry_after if isinstance(error, Throttled) else LONGEST_WAIT)


def _is_mine(job: Job) -> bool:
    """Whether no other look is at it: whoever moves the next look on has it."""
    mine = Job.objects.filter(pk=job.pk, looks=job.looks, state=Job.State.RUNNING)
    return bool(mine.update(looks=F("looks") + 1, next_look_at=Now() + LONGEST_WAIT))


def _look_at(job: Job) -> None:
    if job.connection.state != Connection.State.CONNECTED:
        return
    client = Client(job.connection, is_backlog=True)
    told = bulk.look_at_import(client, job.number)
    if told is None or told.status == "cancelled" or job.gives_up_at <= timezone.now():
        _end(job, Job.State.LOST, AGAIN)
    elif told.status == "complete":
        if told.failed:
            _take_out(job, client)
        _end(job, Job.State.DONE, Accepted())
    else:
        _later(job, min(FIRST_LOOK * 2**job.looks, LONGEST_WAIT))


def _take_out(job: Job, client: Client) -> None:
    """Whom the import refused goes alone, and is told by name what is wrong."""
    refused = {error.email for error in bulk.import_errors(client, job.number)}
    rows = _deliveries(job).values_list("pk", "subject")
    pks = [pk for pk, subject in rows if subject.lower() in refused]
    Job.objects.filter(pk=job.pk).update(failed=len(pks))
    _settle(Delivery.objects.filter(pk__in=pks, job=job, state=State.SENDING), bulks.ALONE)


@transaction.atomic
def _end(job: Job, state: Job.State, outcome: Outcome) -> None:
    _settle(_deliveries(job), outcome)
    Job.objects.filter(pk=job.pk).update(state=state, ended_at=Now(), problem=outcome.sentence)
    waking.on_commit(job.connection_id)


def _settle(rows: "QuerySet[Delivery]", outcome: Outcome) -> None:
    is_over = not isinstance(outcome, Retry)
    when = {"settled_at": Now()} if is_over else {"next_try_at": Now()}
    rows.update(state=outcome.state, lease_until=None, crashes=0, **when, **outcomes.words(outcome))


def _deliveries(job: Job) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(job=job, state=State.SENDING)


def _later(job: Job, wait: timedelta) -> None:
    Job.objects.filter(pk=job.pk).update(next_look_at=timezone.now() + wait)
