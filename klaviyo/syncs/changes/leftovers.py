"""Leftovers of runs that were stopped or have failed: what the next one must know before their work is forgotten."""

from collections.abc import Collection, Sequence

from django.db.models.functions import Now

from klaviyo.models import Sync, SyncChange, SyncChunk, SyncRow, SyncRun
from klaviyo.syncs.changes import chunks, settling

AT_ONCE = 500
BY_ASKING = (Sync.Destination.EVENTS, Sync.Destination.SUBSCRIPTIONS)  # what must not be told twice


def in_hand(sync: Sync) -> bool:
    """Whether a worker may still be in a request of a run that was stopped."""
    return SyncChunk.objects.filter(run__sync=sync, state=SyncChunk.State.SENDING, lease_until__gte=Now()).exists()


def doubtful(sync: Sync) -> set[str]:
    """The keys of rows that may have been told in a request of which nobody heard how it ended."""
    if sync.destination not in BY_ASKING:
        return set()
    left = SyncChunk.objects.filter(run__sync=sync, kind=SyncChunk.Kind.SEND).exclude(state=SyncChunk.State.DONE)
    return {change.key for chunk in left if chunks.is_in_doubt(chunk) for change in settling.of(chunk)}


def moved(sync: Sync) -> list[SyncChange]:
    """Identities that rows had before, and that were not taken off."""
    rows = SyncChange.objects.filter(run__sync=sync, run__is_dry=False, op=SyncChange.Op.MOVED, is_done=False)
    return list(rows.order_by("run", "n"))


def take_over(run: SyncRun, left: Sequence[SyncChange], base: int) -> int:
    """Take off in this run, too, whom no row has any more. How many."""
    by_identity = {change.identity: change for change in left}
    for some in _parts(sorted(by_identity)):
        rows = SyncRow.objects.filter(sync=run.sync_id, identity__in=some).values_list("identity", flat=True)
        mine = SyncChange.objects.filter(run=run, op=SyncChange.Op.MOVED, identity__in=some)
        for identity in {*rows, *mine.values_list("identity", flat=True)}:
            del by_identity[identity]
    SyncChange.objects.bulk_create(
        (
            SyncChange(run=run, n=n, op=one.op, key=one.key, number=one.number, identity=one.identity, email=one.email)
            for n, one in enumerate(by_identity.values(), base + 1)
        ),
        batch_size=AT_ONCE,
    )
    return len(by_identity)


def places(run: SyncRun, keys: Collection[str]) -> set[int]:
    """Which changes of the run are about these rows."""
    sent = SyncChange.objects.filter(settling.SENT, run=run)
    return {n for some in _parts(sorted(keys)) for n in sent.filter(key__in=some).values_list("n", flat=True)}


def _parts(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + AT_ONCE] for at in range(0, len(names), AT_ONCE)]
