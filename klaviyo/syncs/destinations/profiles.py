"""Profiles: bulk imports, which may add people to a list as well; how each ends is heard of later."""

import json
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from integrations.errors import PermanentError
from integrations.models import Job
from klaviyo.api import bulk
from klaviyo.api import profiles as api
from klaviyo.models import Sync, SyncChunk, SyncRun
from klaviyo.profiles import import_job
from klaviyo.syncs.changes import chunks, settling
from klaviyo.syncs.changes.settling import Change, Said
from klaviyo.syncs.destinations import people
from klaviyo.syncs.destinations.work import Work

MOST = 5_000
MOST_CLEARED = 50  # in a chunk, each by a request: 750 a minute
FEW = 10
FOR = "sync"
CUSTOM = "properties."

Body = dict[str, Any]


def send(work: Work) -> None:
    """Make an import of a chunk, or smaller chunks of what does not fit into one. Raises IntegrationError."""
    if work.sync.mode == Sync.Mode.UPDATE or work.by == "id":
        people.only_the_known(work)
    people.look_at_everybody(work)
    if not work.changes:
        return
    if work.chunk.is_unsure:
        _note_unsure(work)
    if _clear(work):
        return
    said = data_of_all(work.sync, work.changes)
    if too_much := _first_beyond(work.changes, said):
        work.cut([too_much])
        return
    told = list(said.values())
    asked_of, list_id = work.emails, str(work.sync.options.get("list_id") or "")
    try:
        made = bulk.import_profiles(work.client, told, list_id, last_look=work.look)
    except PermanentError as error:
        work.count_request(refused=True)
        _refuse(work, error, list(said))
        return
    job = import_job.watch(work.client.connection, made, len(told), note_of(work.chunk, work.run))
    people.after(work, asked_of)
    with chunks.held(work.chunk):
        SyncChunk.objects.filter(pk=work.chunk.pk).update(
            state=SyncChunk.State.IMPORTING, job=job, token=None, lease_until=None
        )
    work.count_request()


def _clear(work: Work) -> bool:
    """Make standard fields empty, which an import does not do; whether the chunk was cut instead, as it is too long.

    https://developers.klaviyo.com/en/reference/create_or_update_profile
    """
    wanted = [change for change in work.changes if any(not name.startswith(CUSTOM) for name in parts_of(change)[1])]
    if len(wanted) > MOST_CLEARED:
        work.cut([change.n for change in wanted[MOST_CLEARED::MOST_CLEARED]])
        return True
    for change in wanted:
        work.keep()
        data = data_of(work.sync, change)
        for name in parts_of(change)[1]:
            if not name.startswith(CUSTOM):
                _empty(data["attributes"], name)
        try:
            api.upsert(work.client, {"data": data})
        except PermanentError as error:
            work.refused({change.n: Said(error.sentence, error.code)})
        work.count_request()
    return not work.changes


def _empty(attributes: Body, name: str) -> None:
    first, _, rest = name.partition(".")
    if rest:
        _empty(attributes.setdefault(first, {}), rest)
    else:
        attributes[first] = None


def note_of(chunk: SyncChunk, run: SyncRun) -> dict[str, Any]:
    """What an import is for, as its job says it."""
    return {"for": FOR, "of": run.sync_id, "run": run.pk, "chunk": chunk.number}


def open_imports(sync: Sync) -> bool:
    """Whether Klaviyo works on an import of the sync, or may do so for all we know."""
    running = Job.objects.filter(connection=sync.connection_id, state=Job.State.RUNNING)
    if running.filter(note__for=FOR, note__of=sync.pk).exists():
        return True
    _note_left_unsure(sync)
    return SyncChunk.objects.filter(run__sync=sync, unsure_until__gt=timezone.now()).exists()


def data_of_all(sync: Sync, changes: Sequence[Change]) -> dict[str, Body]:
    """What is said of each person, once: of two rows the first one speaks."""
    said: dict[str, Body] = {}
    for change in changes:
        said.setdefault(change.identity, data_of(sync, change))
    return said


def data_of(sync: Sync, change: Change) -> Body:
    """The profile of a change as an import takes it. No consent is in it: that is said by subscriptions alone.

    https://developers.klaviyo.com/en/reference/bulk_import_profiles
    """
    attributes, clears = parts_of(change)
    attributes.pop("subscriptions", None)
    if isinstance(attributes.get("location"), dict):
        attributes["location"] = dict(attributes["location"])
    kind = str(sync.mapping["identity"]["kind"])
    data: Body = {"type": "profile", "attributes": attributes}
    if kind == "id":
        data["id"] = change.identity
    else:
        attributes.setdefault(kind, change.identity)
    if unset := [name.removeprefix(CUSTOM) for name in clears if name.startswith(CUSTOM)]:
        data["meta"] = {"patch_properties": {"unset": unset}}
    return data


def parts_of(change: Change) -> tuple[Body, list[str]]:
    """The attributes, and the fields that are to be made empty."""
    if "clears" in change.payload:
        return dict(change.payload["attributes"]), list(change.payload["clears"])
    return dict(change.payload), []


def _first_beyond(changes: Sequence[Change], said: dict[str, Body]) -> int:
    """The first change that does not fit any more; 0 where all do."""
    total = 0
    counted: set[str] = set()
    for place, change in enumerate(changes):
        if change.identity in counted:
            continue
        counted.add(change.identity)
        total += len(json.dumps(said[change.identity], separators=(",", ":"))) + 1
        if place and total > bulk.MOST_BYTES:
            return change.n
    return 0


def _refuse(work: Work, error: PermanentError, order: Sequence[str]) -> None:
    """Whom Klaviyo names is refused, and the rest goes again; where it names nobody, in halves, until one is left.

    Raises the error where it is about no person.
    """
    if error.code == "not_found":
        raise error
    named = {place: said for place, said in bulk.words_about(error, bulk.PROFILE_OF_JOB).items() if place < len(order)}
    if len(order) == 1 and not named:
        named = {0: (error.code, error.sentence)}
    if named:
        whose = {order[place]: Said(sentence, code) for place, (code, sentence) in named.items()}
        work.refused({change.n: whose[change.identity] for change in work.changes if change.identity in whose})
        if work.changes:
            with chunks.held(work.chunk):
                chunks.cut(work.chunk, [])
        return
    ns = sorted(change.n for change in work.changes)
    work.cut(ns[1:] if len(order) <= FEW else [ns[len(ns) // 2]])


def _note_unsure(work: Work) -> None:
    """An import may have left of which nobody knows: whoever removes people waits until it is over for certain."""
    until = timezone.now() + import_job.MAY_TAKE
    SyncChunk.objects.filter(pk=work.chunk.pk).update(unsure_until=until, is_unsure=False)
    work.chunk.unsure_until = until


def _note_left_unsure(sync: Sync) -> None:
    """So of an import that a run may have made which was stopped before it looked again."""
    if sync.destination not in (Sync.Destination.PROFILES, Sync.Destination.LIST) or sync.mode == Sync.Mode.REMOVE:
        return
    over = (SyncRun.State.STOPPED, SyncRun.State.FAILED)
    sent = SyncChunk.objects.filter(run__sync=sync, run__state__in=over, kind=SyncChunk.Kind.SEND, unsure_until=None)
    for chunk in sent.exclude(state=SyncChunk.State.DONE):
        if chunks.is_in_doubt(chunk):
            until = timezone.now() + import_job.MAY_TAKE
            SyncChunk.objects.filter(pk=chunk.pk).update(unsure_until=until)


def ended(chunk: SyncChunk, run: SyncRun, errors: Sequence[bulk.ImportError], failed: int) -> None:
    """An import of the chunk has ended: whom it did not take keeps Klaviyo's words, all others were told.

    In the transaction of whoever heard of it. Where more failed than are named, nobody knows who: they go again.
    """
    changes = settling.of(chunk)
    kind = str(run.sync.mapping["identity"]["kind"])
    said = {_name(error, kind): Said(error.detail, error.code) for error in errors}
    refused = {change.n: said[_key(change, kind)] for change in changes if _key(change, kind) in said}
    people_refused = {_key(change, kind) for change in changes if change.n in refused}
    settling.refuse(run, refused)
    rest = [change.n for change in changes if change.n not in refused]
    if len(people_refused) >= failed or not rest:
        settling.tell(run, rest)
        chunks.close(chunk)
    elif len(rest) == 1:
        settling.refuse(run, {rest[0]: Said("Klaviyo did not take it, and gave no reason.", "invalid")})
        chunks.close(chunk)
    else:
        step = max(1, len(rest) // FEW)
        chunks.cut(chunk, rest[::step])


def _name(error: bulk.ImportError, kind: str) -> str:
    return {"email": error.email, "phone_number": error.phone_number, "external_id": error.external_id}.get(
        kind, error.id
    )


def _key(change: Change, kind: str) -> str:
    if kind == "email":
        attributes, _ = parts_of(change)
        return str(attributes.get("email") or change.identity).lower()
    return change.identity
