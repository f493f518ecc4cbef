"""Reading: a source from its beginning to its end, mapped row by row and staged, and then compared."""

from collections.abc import Iterator
from threading import Event
from zoneinfo import ZoneInfo

from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from integrations import shutdown
from integrations.errors import IntegrationError
from klaviyo.consent import reach
from klaviyo.models import SyncChange, SyncChunk, SyncRow, SyncRun
from klaviyo.syncs import destinations
from klaviyo.syncs.changes import comparing, digests, staging
from klaviyo.syncs.changes.comparing import Compared, Lost, Sizes
from klaviyo.syncs.changes.staging import Stage, Staged, storable
from klaviyo.syncs.columns import keys
from klaviyo.syncs.columns.mapped import Mapped, Mapping, MappingError, Refused
from klaviyo.syncs.run import guards, runs
from klaviyo.syncs.run.heartbeat import LEASE, beating
from klaviyo.syncs.sources.opening import open_table
from klaviyo.syncs.sources.table import BadRow, Row, SourceError, Table, Warned

State = SyncRun.State


def take(run: SyncRun) -> bool:
    """Read and compare, if nobody else does; whether it was our turn."""
    free = Q(lease_until=None) | Q(lease_until__lt=Now())
    mine = SyncRun.objects.filter(free, pk=run.pk, state=State.READING, attempt=run.attempt)
    if not mine.update(attempt=F("attempt") + 1, lease_until=Now() + LEASE, worked_at=Now(), problem=""):
        return False
    attempt = run.attempt + 1
    try:
        with beating(run, attempt) as lost:
            stage = Stage(run.pk, attempt)
            staging.clear(run.pk, attempt)
            if not run.is_dry:
                _prepare(run)
            _read(run, stage, lost)
            _compare(run, stage)
    except SourceError as error:
        _end(run, attempt, State.FAILED, "source_unreadable", str(error))
    except MappingError as error:
        _end(run, attempt, State.HELD, runs.SOURCE_CHANGED, f"{error} Mend it and confirm, or stop.")
    except Held as reason:
        _end(run, attempt, State.HELD, runs.SOURCE_CHANGED, str(reason))
    except IntegrationError:
        SyncRun.objects.filter(pk=run.pk, attempt=attempt, state=State.READING).update(lease_until=None)
        raise
    except Lost:
        SyncRun.objects.filter(pk=run.pk, attempt=attempt, state=State.READING).update(lease_until=None)
    finally:
        staging.clear(run.pk, attempt + 1)
    return True


def _prepare(run: SyncRun) -> None:
    """What must be there is made. Raises IntegrationError."""
    if last := SyncRun.objects.filter(sync=run.sync_id, pk__lt=run.pk).order_by("-pk").first():
        staging.clear(last.pk)  # which a worker that was killed has left
    destinations.prepare(run.sync)


class Held(Exception):
    """The source is not as it was: a sentence."""


def _read(run: SyncRun, stage: Stage, lost: Event) -> None:
    """Raises SourceError, MappingError, Held or Lost."""
    sync = run.sync
    with open_table(sync.source) as table:
        _look_at_columns(run, table)
        mapping = Mapping.from_json(
            sync.mapping, table.columns, destination=sync.destination, zone=ZoneInfo(sync.zone or "UTC")
        )
        places = [table.columns.index(column) for column in sync.source.key_columns]
        warned = 0
        for row in _staged(table, mapping, places, destinations.target(sync)):
            if isinstance(row, int):
                warned += row
                continue
            if stage.add(row):
                if lost.is_set() or shutdown.asked():
                    raise Lost
                SyncRun.objects.filter(pk=run.pk, attempt=stage.attempt).update(rows_read=stage.count)
        stage.end()
    SyncRun.objects.filter(pk=run.pk, attempt=stage.attempt).update(warned=warned, read_at=Now())
    if lost.is_set():
        raise Lost


def _look_at_columns(run: SyncRun, table: Table) -> None:
    source, columns = run.sync.source, list(table.columns)
    gone = [column for column in source.columns if column not in columns]
    missing = [column for column in source.key_columns if column not in columns]
    if missing:
        raise Held(f"The key column {missing[0]} is gone. Mend the source and confirm, or stop.")
    if gone and run.notes.get("confirmed_code") != runs.SOURCE_CHANGED:
        raise Held(f"The source has another header than last time: {', '.join(gone)} is gone. Confirm, or stop.")
    if columns != source.columns:
        type(source).objects.filter(pk=source.pk).update(columns=columns)


def _staged(table: Table, mapping: Mapping, places: list[int], target: str) -> Iterator[Staged | int]:
    """The rows to be staged; and numbers, of warnings."""
    for item in table:
        match item:
            case Warned():
                yield 1
            case BadRow():
                yield Staged(item.number, None, reason=storable(item.reason))
            case Row():
                mapped = mapping.apply(item)
                key = keys.key_of(item, places, table.columns)
                yield _row(item.number, key, mapped, target)
                if isinstance(mapped, Mapped) and mapped.warnings:
                    yield len(mapped.warnings)


def _row(number: int, key: "str | Refused", mapped: "Mapped | Refused", target: str) -> Staged:
    if isinstance(key, Refused):
        who = storable(mapped.identity) if isinstance(mapped, Mapped) else ""
        return Staged(number, None, identity=who, reason=storable(f"{key.field} {key.reason}."))
    key = storable(key)
    if isinstance(mapped, Refused):
        return Staged(number, key, field=storable(mapped.field), reason=storable(mapped.reason))
    said = {"attributes": mapped.payload, "clears": list(mapped.clears)} if mapped.clears else mapped.payload
    payload, identity = storable(digests.text(said)), storable(mapped.identity)
    return Staged(number, key, digests.of(target, identity, payload), identity, _other_address(mapped), payload)


def _other_address(mapped: Mapped) -> str:
    """The person's address, where they are compared by something else."""
    told = mapped.payload.get("email_address") or mapped.payload.get("email")
    return storable(told.lower()) if isinstance(told, str) and told.lower() != mapped.identity else ""


def _compare(run: SyncRun, stage: Stage) -> None:
    sizes, aim = Sizes(*destinations.sizes(run.sync)), destinations.aim(run.sync)
    comparing.compare(run, stage.attempt, stage.count, sizes, aim, _then)


def _then(run: SyncRun, found: Compared) -> None:
    """In the transaction of the comparison."""
    code, sentence = ("", "") if run.is_dry else guards.objection(run.sync, found)
    notes = run.notes | {comparing.AIM: destinations.aim(run.sync), runs.SETTINGS: runs.settings_of(run.sync)}
    if found.fixed:
        notes["event_fixed"] = found.fixed
    if found.put_off:
        notes["removals_put_off"] = found.put_off
    if not run.is_dry:
        _leave_out_the_erased(run)
        _forget_earlier_work(run)
    SyncRun.objects.filter(pk=run.pk).update(
        state=State.HELD if code else State.SENDING,
        code=code,
        problem=sentence,
        notes=notes,
        lease_until=None,
        rows_read=found.read,
        rejected=found.rejected,
        added=found.added,
        changed=found.changed,
        unchanged=found.unchanged,
        not_sent=found.fixed,
        unknown=0,
        removed=0,
        erased=0,
        sent=0,
        told_before=found.told_before,
        told_now=found.told_before,
        to_send=found.added + found.changed,
        to_remove=found.leaving,
    )


def _forget_earlier_work(run: SyncRun) -> None:
    """What earlier runs have left is among what this one does by now."""
    has_work = Exists(SyncChange.objects.filter(run=OuterRef("pk"))) | Exists(
        SyncChunk.objects.filter(run=OuterRef("pk"))
    )
    for one in SyncRun.objects.filter(has_work, sync=run.sync_id, pk__lt=run.pk):
        runs.forget_work(one)


def _leave_out_the_erased(run: SyncRun) -> None:
    """Of people who were erased no row stays, also where the row was rejected for another reason."""
    rows = SyncRow.objects.filter(sync=run.sync_id, run=run.pk, state=SyncRow.State.REJECTED, digest=None)
    named = list(rows.filter(key__contains="@").values_list("key", flat=True))
    for at in range(0, len(named), 500):
        if gone := reach.erased(named[at : at + 500]):
            rows.filter(key__in=list(gone)).delete()


def _end(run: SyncRun, attempt: int, state: str, code: str, sentence: str) -> None:
    mine = SyncRun.objects.filter(pk=run.pk, attempt=attempt, state=State.READING)
    said = {"code": code, "problem": sentence, "lease_until": None}
    mine.update(state=state, **said, **({"ended_at": Now()} if state == State.FAILED else {}))
