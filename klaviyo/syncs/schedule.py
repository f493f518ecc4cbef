"""Schedules: when a sync runs by itself, by cron in a zone, or when a new file of its source is there."""

from datetime import datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from klaviyo.models import Sync, SyncRun
from klaviyo.syncs.run import runs
from klaviyo.syncs.run.runs import NotPossible

FIELDS = 5
NOT_A_SCHEDULE = "It is no schedule: {why}. Write minute, hour, day, month and weekday, such as 0 6 * * * for 06:00."


def problem(cron: str) -> str:
    """What is wrong with a schedule, in a sentence; empty where it can be used."""
    if len(cron.split()) != FIELDS:
        return NOT_A_SCHEDULE.format(why="it has not five fields")
    try:
        next(CronSim(cron, timezone.now()))
    except (CronSimError, StopIteration) as error:
        return NOT_A_SCHEDULE.format(why=str(error).lower() or "such a day never comes")
    return ""


def following(cron: str, zone: str, after: datetime) -> datetime | None:
    """The next time by the clock of the zone; a time that a clock skips is the next that there is."""
    if not cron or problem(cron):
        return None
    return next(CronSim(cron, after.astimezone(ZoneInfo(zone or "UTC"))), None)


def look_ahead(sync: Sync) -> None:
    """Say in the sync, which is not saved, when it runs next; nothing where it is off, or runs by hand."""
    sync.next_run_at = following(sync.cron, sync.zone, timezone.now()) if sync.is_on else None


def plan(sync: Sync) -> None:
    """Keep when it runs next."""
    look_ahead(sync)
    Sync.objects.filter(pk=sync.pk).update(next_run_at=sync.next_run_at)


def begin_what_is_due() -> int:
    """Begin a run of each sync whose time has come; how many. Of several beats one begins it."""
    for sync in Sync.objects.filter(is_on=True, next_run_at=None).exclude(cron=""):
        plan(sync)
    timely = list(Sync.objects.filter(is_on=True, next_run_at__lte=Now()).values_list("pk", flat=True))
    return sum(map(_begin, timely)) + sum(map(_begin_after_import, _with_a_new_file()))


def _begin(pk: int) -> bool:
    """Where a run is under way there is no other: the next time counts."""
    with transaction.atomic():
        due = Sync.objects.select_for_update(skip_locked=True, of=("self",)).select_related("connection")
        sync = due.filter(pk=pk, is_on=True, next_run_at__lte=Now()).first()
        if sync is None:
            return False
        plan(sync)
        return _begun(sync)


def _with_a_new_file() -> list[int]:
    with_a_file = Q(is_on=True, options__after_import=True, source__upload__ended_at__isnull=False)
    syncs = Sync.objects.filter(with_a_file).select_related("source__upload")
    last = {sync.pk: SyncRun.objects.filter(sync=sync, is_dry=False).order_by("-pk").first() for sync in syncs}
    return [sync.pk for sync in syncs if (run := last[sync.pk]) is None or _is_newer(sync, run)]


def _is_newer(sync: Sync, run: SyncRun) -> bool:
    upload = sync.source.upload
    return bool(upload and upload.ended_at and upload.ended_at > run.began_at)


def _begin_after_import(pk: int) -> bool:
    with transaction.atomic():
        locked = Sync.objects.select_for_update(skip_locked=True, of=("self",)).select_related("connection")
        sync = locked.filter(pk=pk).first()
        return sync is not None and pk in _with_a_new_file() and _begun(sync)


def _begun(sync: Sync) -> bool:
    try:
        runs.begin(sync)
    except NotPossible:
        return False
    return True
