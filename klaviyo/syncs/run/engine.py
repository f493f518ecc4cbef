"""Engine: whatever is open goes on, step by step, by whichever worker has time; live traffic always first."""

import logging
from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outbox
from integrations.errors import IntegrationError, PermanentError, TemporaryError, Throttled, without_message
from integrations.models import Connection, Delivery, Place
from integrations.outcomes import CalledOff
from integrations.pauses import by_hand, circuit_breaker
from klaviyo.models import SyncChunk, SyncRow, SyncRun
from klaviyo.syncs import destinations
from klaviyo.syncs.changes import chunks, leftovers
from klaviyo.syncs.destinations import profiles
from klaviyo.syncs.destinations.work import Work
from klaviyo.syncs.run import dry, reading, runs

State, Kind = SyncRun.State, SyncChunk.Kind

BEHIND, AWAY = timedelta(seconds=1), timedelta(minutes=1)
SOON, LATER, LATEST = timedelta(seconds=1), timedelta(seconds=5), timedelta(minutes=5)
EARLIER_FIRST = "It waits for what Klaviyo still works on of an earlier run."
THEIRS_FIRST = "It waits for facts of the account that are due, which go first."

log = logging.getLogger(__name__)


def go_on(is_over: Callable[[], bool]) -> None:
    """Work at what is open, one run after the other, until `is_over` says so; who had no turn for long first."""
    at_work = (State.READING, State.SENDING, State.REMOVING)
    waits = Q(wait_until__gt=Now())
    rows = SyncRun.objects.filter(state__in=at_work).exclude(waits).order_by(F("worked_at").asc(nulls_first=True), "pk")
    for pk in list(rows.values_list("pk", flat=True)):
        while not is_over() and step(pk):
            pass


def step(pk: int) -> bool:
    """Do the next thing of a run; False when there is nothing to do now, or somebody else is at it."""
    rows = SyncRun.objects.select_related("sync__connection", "sync__source")
    run = rows.filter(pk=pk, state__in=(State.READING, State.SENDING, State.REMOVING)).first()
    if run is None:
        return False
    if run.is_dry and run.state != State.READING:
        dry.show(run)
        return False
    if why := _obstacle(run):
        _say(run, why)
        return False
    try:
        return _step(run)
    except IntegrationError as error:
        _note(run, error)
    except Exception as error:
        log.error("Run %s of a sync broke off: %s", run.pk, without_message(error))
        _fail(run, "internal_error", "Something went wrong at our side; the error is in the site's log.")
    return False


def _step(run: SyncRun) -> bool:
    match run.state:
        case State.READING:
            if not run.is_dry and (leftovers.in_hand(run.sync) or profiles.open_imports(run.sync)):
                _say(run, EARLIER_FIRST)
                return False
            return reading.take(run)
        case State.SENDING:
            if (chunk := chunks.claim(run, Kind.SEND)) is not None:
                return _work(run, chunk, destinations.send)
            return _sent(run)
        case _:
            is_over = not chunks.left(run, Kind.REMOVE).exists()
            if not is_over and profiles.open_imports(run.sync):  # what is late would add again whom we take off
                return False
            if (chunk := chunks.claim(run, Kind.REMOVE)) is not None:
                return _work(run, chunk, destinations.remove)
            return _removed(run)


def _work(run: SyncRun, chunk: SyncChunk, do: Callable[[Work], None]) -> bool:
    """One chunk; whether the next may follow at once."""
    SyncRun.objects.filter(pk=run.pk).update(worked_at=Now(), problem="", code="")
    try:
        do(Work.of(run, chunk))
    except chunks.Taken:
        return True
    except CalledOff:
        chunks.give_back(chunk, SOON, is_free=True)
        return True
    except Throttled as error:
        chunks.give_back(chunk, error.retry_after, is_free=True)
        SyncRun.objects.filter(pk=run.pk).update(wait_until=timezone.now() + error.retry_after)
        return False
    except IntegrationError as error:
        circuit_breaker.note(run.sync.connection, error)
        wait = error.retry_after if isinstance(error, TemporaryError) else None
        chunks.give_back(
            chunk, wait or min(LATER * 2 ** min(chunk.tries, 6), LATEST), is_unsure=error.may_have_happened
        )
        if isinstance(error, PermanentError):
            _hold(run, error.code, _what_is_gone(run, error))
            return False
        raise
    return True


def _sent(run: SyncRun) -> bool:
    """When nothing is left to send, whoever has left is taken off; whether it goes on at once."""
    if chunks.left(run, Kind.SEND).exists():
        return False
    here = SyncRun.objects.filter(pk=run.pk, state=State.SENDING)
    return bool(here.update(state=State.REMOVING, sent_at=Now()))


def _removed(run: SyncRun) -> bool:
    if chunks.left(run, Kind.REMOVE).exists():
        return False
    with transaction.atomic():
        here = SyncRun.objects.select_for_update().filter(pk=run.pk, state=State.REMOVING)
        if here.values_list("pk").first():
            told = SyncRow.objects.filter(sync=run.sync_id, digest__isnull=False).count()
            here.update(state=State.DONE, ended_at=Now(), told_now=told, problem="", code="", wait_until=None)
            runs.forget_work(run)
    return False


def _obstacle(run: SyncRun) -> str:
    connection = run.sync.connection
    if run.is_dry:
        return ""
    if connection.state != Connection.State.CONNECTED:
        return outbox.waiting_for(connection)
    if why := by_hand.until_resumed(connection):
        return why
    if run.state != State.READING and _is_behind(connection):
        return THEIRS_FIRST
    return ""


def _is_behind(connection: Connection) -> bool:
    """Whether facts wait for longer than a moment; where they wait for a minute, nobody is at work at them."""
    now = timezone.now()
    due = Place.objects.filter(connection=connection, state=Delivery.State.QUEUED)
    return due.filter(next_try_at__lt=now - BEHIND, next_try_at__gt=now - AWAY).exists()


def _what_is_gone(run: SyncRun, error: PermanentError) -> str:
    if error.code == "not_found" and run.sync.options.get("list_id"):
        name = run.sync.options.get("list_name") or run.sync.options["list_id"]
        return f"The list {name} no longer exists: choose another or make it again."
    return error.sentence


def _say(run: SyncRun, why: str) -> None:
    rows = SyncRun.objects.filter(pk=run.pk, state=run.state)
    rows.update(problem=why, wait_until=timezone.now() + LATER, worked_at=Now())


def _note(run: SyncRun, error: IntegrationError) -> None:
    """What is in the way is said; it goes on by itself when it is mended."""
    wait = (error.retry_after if isinstance(error, TemporaryError) else None) or LATER
    rows = SyncRun.objects.filter(pk=run.pk, state=run.state)
    rows.update(problem=error.sentence, code=error.code, wait_until=timezone.now() + wait)


def _hold(run: SyncRun, code: str, sentence: str) -> None:
    rows = SyncRun.objects.filter(pk=run.pk, state__in=(State.SENDING, State.REMOVING))
    rows.update(state=State.HELD, stopped_in=run.state, code=code, problem=sentence)


def _fail(run: SyncRun, code: str, sentence: str) -> None:
    rows = SyncRun.objects.filter(pk=run.pk, state=run.state)
    rows.update(state=State.FAILED, stopped_in=run.state, code=code, problem=sentence, ended_at=Now(), lease_until=None)
