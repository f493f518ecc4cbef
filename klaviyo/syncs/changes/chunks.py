"""Chunks: changes that go in one request; claimed by one worker at a time, and given up when its lease has run out.

A claim is committed before the request. Its token is the request's own, so that whoever finds the chunk left behind
can ask whether one was made.
"""

import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from django.db import transaction
from django.db.models import F, Max, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations.models import Attempt
from integrations.wire import attempts
from klaviyo.models import SyncChunk, SyncRun

LEASE = timedelta(seconds=60)  # four times what one request may take
REST = timedelta(seconds=30)

State = SyncChunk.State


class Taken(Exception):
    """The chunk is another worker's by now, or its run goes on no more: nothing of it is sent or written."""


def claim(run: SyncRun, kind: SyncChunk.Kind) -> SyncChunk | None:
    """The first that waits, or whose worker has died; None where there is none, or all are in others' hands."""
    free = Q(state=State.WAITING) & (Q(next_try_at=None) | Q(next_try_at__lte=Now()))
    left_behind = Q(state=State.SENDING, lease_until__lt=Now())
    with transaction.atomic():
        # SKIP LOCKED: what another has just claimed is passed by, not waited for.
        # https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
        rows = SyncChunk.objects.select_for_update(skip_locked=True).filter(free | left_behind, run=run, kind=kind)
        chunk = rows.order_by("number").first()
        if chunk is None:
            return None
        if chunk.state == State.SENDING and _may_have_left(chunk):
            chunk.is_unsure = True
        mine = SyncChunk.objects.filter(pk=chunk.pk, token=chunk.token, state=chunk.state)
        chunk.token, chunk.tries, chunk.state = uuid.uuid4(), chunk.tries + 1, State.SENDING
        said = {"token": chunk.token, "state": chunk.state, "is_unsure": chunk.is_unsure}
        if not mine.update(**said, tries=F("tries") + 1, lease_until=Now() + LEASE):
            return None  # on a database that locks no rows
    return chunk


def keep(chunk: SyncChunk) -> None:
    """Take the lease anew, in full, for a request that comes next. Raises Taken."""
    if not _mine(chunk).filter(run__state__in=(SyncRun.State.SENDING, SyncRun.State.REMOVING)).exists():
        raise Taken
    if not _mine(chunk).update(lease_until=Now() + LEASE):
        raise Taken


@contextmanager
def held(chunk: SyncChunk) -> Iterator[SyncRun]:
    """A transaction in which nobody takes the chunk from the caller, nor a person out of it. Raises Taken."""
    with transaction.atomic():
        run = SyncRun.objects.select_for_update(of=("self",)).select_related("sync").get(pk=chunk.run_id)
        if not SyncChunk.objects.select_for_update().filter(pk=chunk.pk, token=chunk.token).exclude(state=State.DONE):
            raise Taken
        yield run


def give_back(chunk: SyncChunk, after: timedelta, *, is_unsure: bool = False, is_free: bool = False) -> None:
    """It waits again. A request of which nobody knows whether it was carried out makes it unsure."""
    said = {"is_unsure": True} if is_unsure else {}
    tries = F("tries") - 1 if is_free else F("tries")
    at = timezone.now() + after
    _mine(chunk).update(state=State.WAITING, token=None, lease_until=None, next_try_at=at, tries=tries, **said)


def again(chunk: SyncChunk) -> None:
    """What became of it is lost, so it goes again; in the transaction of whoever has its row."""
    said = {"state": State.WAITING, "token": None, "lease_until": None, "job": None}
    SyncChunk.objects.filter(pk=chunk.pk).update(**said, next_try_at=timezone.now() + REST)


def close(chunk: SyncChunk) -> None:
    """In the transaction of `held`."""
    SyncChunk.objects.filter(pk=chunk.pk).update(state=State.DONE, token=None, lease_until=None)


def cut(chunk: SyncChunk, at: Sequence[int]) -> None:
    """Make several of it, which begin at its first change and at these; in the transaction of `held`."""
    starts = sorted({chunk.first, *(one for one in at if chunk.first < one <= chunk.last)})
    ends = [start - 1 for start in starts[1:]] + [chunk.last]
    last = SyncChunk.objects.filter(run=chunk.run_id).aggregate(last=Max("number"))["last"]
    said = {"state": State.WAITING, "token": None, "lease_until": None, "job": None, "tries": 0}
    SyncChunk.objects.filter(pk=chunk.pk).update(first=starts[0], last=ends[0], **said)
    SyncChunk.objects.bulk_create(
        SyncChunk(
            run_id=chunk.run_id,
            number=last + place,
            kind=chunk.kind,
            first=first,
            last=end,
            is_unsure=chunk.is_unsure,
            unsure_until=chunk.unsure_until,
        )
        for place, (first, end) in enumerate(zip(starts[1:], ends[1:], strict=True), 1)
    )


def left(run: SyncRun, kind: SyncChunk.Kind) -> "QuerySet[SyncChunk]":
    return SyncChunk.objects.filter(run=run, kind=kind).exclude(state=State.DONE)


def _mine(chunk: SyncChunk) -> "QuerySet[SyncChunk]":
    return SyncChunk.objects.filter(pk=chunk.pk, token=chunk.token, state=State.SENDING)


def _may_have_left(chunk: SyncChunk) -> bool:
    """Whether the worker that had it made a request of which nobody knows how it ended."""
    made = Attempt.objects.filter(run=chunk.token).exclude(operation__startswith="get_")
    return made.exclude(attempts.NEVER_LEFT | attempts.REFUSED).exists()


def is_in_doubt(chunk: SyncChunk) -> bool:
    """Whether a request of it may have left of which nobody heard how it ended."""
    return chunk.is_unsure or (chunk.state == State.SENDING and _may_have_left(chunk))


def numbers(chunk: SyncChunk, without: Collection[int] = ()) -> list[int]:
    return [n for n in range(chunk.first, chunk.last + 1) if n not in without]
