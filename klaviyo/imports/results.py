"""Results of bulk import jobs.

What an import took is accepted; whom it refused goes alone, where the same refusal is final and says why. An import
that was called off, forgotten, or takes a day is made again: an upsert may be repeated.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outcomes, shutdown
from integrations.errors import IntegrationError, Throttled
from integrations.models import Connection, Delivery, Job
from integrations.outbox import wake_ups
from integrations.outcomes import Accepted, Outcome, Retry
from integrations.reasons import Who, declare
from integrations.workers import in_bulk
from klaviyo.api import bulk
from klaviyo.api.bulk import ImportError
from klaviyo.api.client import Client
from klaviyo.imports import backfill_problems, overtaken
from klaviyo.profiles import import_job
from klaviyo.profiles.import_job import FIRST_LOOK, LONGEST_WAIT

LOOKS_AT_ONCE = 100
LONGEST_DOUBLING = 10
REST = timedelta(minutes=5)
AGAIN = Retry(
    declare(
        "import_lost",
        "Import made again",
        "Klaviyo did not finish the import; it is made again.",
        because="Klaviyo did not finish an import, which is made again",
        means="Klaviyo works on imports at its own pace, and gave this one up.",
        who=Who.ITSELF,
    ),
    REST,
    refund=True,
)

State = Delivery.State


def look() -> None:
    """Look at those whose time has come, the most overdue first; a connection in trouble keeps none of the others."""
    away: set[int] = set()
    due = Job.objects.filter(state=Job.State.RUNNING, next_look_at__lte=Now()).select_related("connection")
    for job in due.order_by("next_look_at")[:LOOKS_AT_ONCE]:
        if shutdown.asked():
            return
        if job.connection_id not in away and _is_mine(job):
            try:
                _look_at(job)
            except IntegrationError as error:
                away.add(job.connection_id)
                if job.gives_up_at <= timezone.now():
                    _end(job, Job.State.LOST, None)
                    continue
                _later(job, error.retry_after if isinstance(error, Throttled) else LONGEST_WAIT)


def _is_mine(job: Job) -> bool:
    """Whether no other look is at it: whoever moves the next look on has it."""
    mine = Job.objects.filter(pk=job.pk, looks=job.looks, state=Job.State.RUNNING)
    return bool(mine.update(looks=F("looks") + 1, next_look_at=Now() + LONGEST_WAIT))


def _look_at(job: Job) -> None:
    is_too_late = job.gives_up_at <= timezone.now()
    if job.connection.state != Connection.State.CONNECTED:
        if is_too_late:
            _end(job, Job.State.LOST, None)
        return
    client = Client(job.connection, is_backlog=True)
    told = bulk.look_at_import(client, job.number)
    # https://developers.klaviyo.com/en/reference/get_bulk_import_profiles_job
    if told is None or told.status == "cancelled" or is_too_late:
        _end(job, Job.State.LOST, None)
    elif told.status == "complete":
        errors = list(bulk.import_errors(client, job.number)) if told.failed else []
        _end(job, Job.State.DONE, _refused(job, errors, told.failed), errors, told.failed)
    else:
        _later(job, min(FIRST_LOOK * 2 ** min(job.looks, LONGEST_DOUBLING), LONGEST_WAIT))


def _refused(job: Job, errors: Sequence[ImportError], number: int) -> set[str] | None:
    """The addresses of whom it did not take; of everybody, where Klaviyo does not name as many as it counts.

    A walk's import has no deliveries that say who everybody is: of that nobody knows what was taken.
    """
    named = {error.email for error in errors} - {""}
    if len(named) >= number:
        return named
    if job.note:
        return None
    return named | {subject.lower() for subject in _deliveries(job).values_list("subject", flat=True)}


@transaction.atomic
def _end(
    job: Job,
    state: Job.State,
    refused: Collection[str] | None,
    errors: Sequence[ImportError] = (),
    failed: int = 0,
) -> None:
    """`refused` are addresses; None where nobody knows what was taken. Klaviyo counts so many that `failed`."""
    running = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING)
    if not running.update(state=state, ended_at=Now(), failed=failed or len(refused or ())):
        return
    if ended := import_job.told_of(job):
        ended(job, errors if state == Job.State.DONE else None, failed)
        return
    if job.note:
        backfill_problems.note_import(job, errors)  # first, as it locks people, whom an erasure locks before all
        overtaken.tell_again(job, refused)
    rows = _deliveries(job)
    if refused:
        pks = [pk for pk, subject in rows.values_list("pk", "subject") if subject.lower() in refused]
        _settle(rows.filter(pk__in=pks), in_bulk.ALONE)
    _settle(rows, AGAIN if refused is None else Accepted())
    wake_ups.on_commit(job.connection_id)


def _settle(rows: "QuerySet[Delivery]", outcome: Outcome) -> None:
    when: dict[str, Any] = {"settled_at": Now()}
    if isinstance(outcome, Retry):
        when = {"next_try_at": timezone.now() + (outcome.after or timedelta())}
        when |= {"attempts_made": F("attempts_made") - 1} if outcome.refund else {}
        when |= {"shared_tries": 0} if outcome.alone else {}
    rows.update(state=outcome.state, crashes=0, **when, **outcomes.words(outcome))


def _deliveries(job: Job) -> "QuerySet[Delivery]":
    """Those that still wait for it: what was given back for lateness may be in a worker's hands by now."""
    return Delivery.objects.filter(job=job, state=State.SENDING, lease=None)


def _later(job: Job, wait: timedelta) -> None:
    Job.objects.filter(pk=job.pk).update(next_look_at=timezone.now() + wait)
