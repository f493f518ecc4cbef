"""Runs as people have them: begun, stopped, gone on with, confirmed."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from integrations import outbox
from integrations.models import Connection
from klaviyo.models import Sync, SyncChange, SyncChunk, SyncRun
from klaviyo.syncs.changes import digests

State = SyncRun.State

#: What holds a run before it was compared: the source is read again when somebody confirms.
SOURCE_CHANGED = "source_changed"
#: By what a run's notes have the settings with which it was compared.
SETTINGS = "settings"


class NotPossible(Exception):
    """It cannot be done now; the message is a sentence that says why."""


def begin(sync: Sync, *, full: bool = False, dry: bool = False, by: User | None = None) -> SyncRun:
    """Begin a run. Raises NotPossible, also where one is under way."""
    if sync.connection.state != Connection.State.CONNECTED and not dry:
        raise NotPossible(f"{sync}: {outbox.waiting_for(sync.connection)}")
    try:
        with transaction.atomic():
            is_later = SyncRun.objects.filter(sync=sync, state=State.DONE, is_dry=False).exists()
            notes = {"is_later": True} if is_later else {}
            return SyncRun.objects.create(sync=sync, is_full=full, is_dry=dry, begun_by=by, notes=notes)
    except IntegrityError:  # by the constraint of one open run: somebody was as quick
        raise NotPossible(f"{sync}: a run is under way. Let it end, or stop it.") from None


def under_way(sync: Sync) -> SyncRun | None:
    return SyncRun.objects.filter(sync=sync, state__in=SyncRun.OPEN).first()


def stop(run: SyncRun, by: User | None = None) -> bool:
    """Begin no further request; False where it has ended. What Klaviyo works on is still heard of."""
    rows = SyncRun.objects.filter(pk=run.pk, state__in=SyncRun.OPEN)
    said = {
        "stopped_in": F("state"),
        "stopped_by": by,
        "lease_until": None,
        "ended_at": Now(),
        "problem": "",
        "code": "",
    }
    return bool(rows.update(state=State.STOPPED, **said))


def go_on(run: SyncRun) -> None:
    """Go on where it was stopped, or has failed; from the beginning, where it is told to do another thing since.

    Raises NotPossible.
    """
    try:
        with transaction.atomic():
            row = SyncRun.objects.select_for_update().get(pk=run.pk)
            if row.state not in (State.STOPPED, State.FAILED):
                raise NotPossible(f"Run {row.pk} is {row.get_state_display().lower()}: there is nothing to go on with.")
            if SyncRun.objects.filter(sync=row.sync_id, pk__gt=row.pk, is_dry=False).exists():
                raise NotPossible("A later run has begun since: it has told what this one had left.")
            was_compared = row.read_at is not None and SyncChunk.objects.filter(run=row.pk).exists()
            was_at_work = row.stopped_in in (State.SENDING, State.REMOVING)
            is_as_said = row.notes.get(SETTINGS) in (None, settings_of(row.sync))
            state = row.stopped_in if was_compared and was_at_work and is_as_said else State.READING
            said = {"stopped_in": "", "ended_at": None, "problem": "", "code": "", "wait_until": None}
            SyncRun.objects.filter(pk=row.pk).update(state=state, **said)
    except IntegrityError:
        raise NotPossible("Another run of this sync is under way.") from None


def settings_of(sync: Sync) -> str:
    """What makes other work of the same source, in one word."""
    source, options = sync.source, {name: value for name, value in sync.options.items() if name != "making_since"}
    read = [source.pk, source.kind, source.ready, source.database, source.query, source.path, source.upload_id]
    read += [source.reading, source.key_columns]
    told = [sync.connection.account_id, sync.destination, sync.mode, sync.mapping, options, sync.zone]
    return digests.of_key(digests.text([read, told]))


def confirm(run: SyncRun, by: User | None) -> None:
    """Let a held run do what it was held for; this one alone. Raises NotPossible."""
    with transaction.atomic():
        row = SyncRun.objects.select_for_update().get(pk=run.pk)
        if row.state != State.HELD:
            raise NotPossible(f"Run {row.pk} is {row.get_state_display().lower()}: nothing waits for a confirmation.")
        state = State.READING if row.code == SOURCE_CHANGED else row.stopped_in or State.SENDING
        said = {
            "confirmed_by": by,
            "confirmed_at": Now(),
            "problem": "",
            "code": "",
            "lease_until": None,
            "stopped_in": "",
        }
        notes = row.notes | {"confirmed": row.problem, "confirmed_code": row.code}
        SyncRun.objects.filter(pk=row.pk).update(state=state, notes=notes, **said)


def forget_work(run: SyncRun) -> None:
    """What was to be done goes; what may still be under way at Klaviyo is remembered."""
    SyncChange.objects.filter(run=run.pk)._raw_delete("default")
    SyncChunk.objects.filter(run=run.pk, unsure_until=None).delete()


def forget_samples() -> int:
    """What dry runs have shown of people is forgotten like the contents of deliveries."""
    old = SyncRun.objects.filter(began_at__lt=Now() - timedelta(days=settings.RETAIN_BODIES_DAYS)).exclude(samples=[])
    return old.update(samples=[])
