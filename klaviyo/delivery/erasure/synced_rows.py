"""Synced rows of a person: what syncs were told of them, what they are about to tell, and uploaded files with them."""

import zlib
from collections.abc import Collection, Iterator

from django.db.models import F, Q, QuerySet

from klaviyo.api import values
from klaviyo.models import (
    Notice,
    Sync,
    SyncChange,
    SyncChunk,
    SyncRow,
    SyncRun,
    SyncStaged,
    SyncUpload,
    SyncUploadPiece,
)
from referrals import suppressions

PIECE = 1 << 20
SAMPLES = 500


def forget(email: str) -> None:
    """Nothing of the person stays, by whatever they are compared; in the caller's transaction.

    Whoever is settling rows has the lock of their run: we wait for them, or they find nothing of the person left.
    """
    names = {name.lower() for name in (*suppressions.spellings(email), email, values.address(email)) if name}
    profiles = set(Notice.objects.filter(email__in=names).exclude(profile_id="").values_list("profile_id", flat=True))
    at_work = SyncRun.objects.filter(pk__in=SyncChunk.objects.values("run")) | SyncRun.objects.filter(
        state__in=SyncRun.OPEN
    )
    for run in at_work.select_for_update(of=("self",)).order_by("pk"):
        _leave_out(run, names)
    named = Q(key__in=names) | Q(identity__in=names) | Q(email__in=names)
    named |= Q(profile_id__in=profiles) if profiles else Q()
    for sync in Sync.objects.order_by("pk"):
        rows = SyncRow.objects.filter(named, sync=sync)
        told = rows.filter(digest__isnull=False).count()
        if rows.delete()[0] and told:
            SyncRun.objects.filter(sync=sync, state__in=SyncRun.OPEN).update(erased=F("erased") + told)
    _forget_samples(names)
    for upload in SyncUpload.objects.order_by("pk"):
        _take_out(upload, names)


def _leave_out(run: SyncRun, names: Collection[str]) -> None:
    named = Q(key__in=names) | Q(identity__in=names) | Q(email__in=names)
    SyncStaged.objects.filter(named, run=run).delete()
    mine = SyncChange.objects.filter(named, run=run, is_done=False)
    counts = {op: mine.filter(op=op).count() for op in (SyncChange.Op.ADDED, SyncChange.Op.CHANGED)}
    SyncChange.objects.filter(named, run=run).delete()
    if number := sum(counts.values()):
        SyncRun.objects.filter(pk=run.pk).update(
            added=F("added") - counts[SyncChange.Op.ADDED],
            changed=F("changed") - counts[SyncChange.Op.CHANGED],
            not_sent=F("not_sent") + number,
        )


def _forget_samples(names: Collection[str]) -> None:
    """Requests that a dry run has shown are forgotten, if they name the person."""
    for run in SyncRun.objects.exclude(samples=[]).order_by("-pk")[:SAMPLES]:
        said = str(run.samples).lower()
        if any(name in said for name in names):
            SyncRun.objects.filter(pk=run.pk).update(samples=[])


def _take_out(upload: SyncUpload, names: Collection[str]) -> None:
    """The lines that name the person; where a line is not the whole of a row, the file is deleted."""
    needles = {name.encode() for name in names}
    wide = {name.encode(code) for name in names for code in ("utf-16-le", "utf-16-be")}
    content = _pieces(upload)
    found = False
    rest = b""
    for piece in content:
        text = (rest + piece).lower()
        if any(needle in text for needle in wide):
            upload.delete()
            return
        found = found or any(needle in text for needle in needles)
        rest = piece[-512:]
    if not found:
        return
    kept = list(_without(upload, needles))
    if None in kept:
        upload.delete()
        return
    whole = b"".join(part for part in kept if part is not None)
    SyncUploadPiece.objects.filter(upload=upload).delete()
    for number, at in enumerate(range(0, len(whole), PIECE)):
        piece = zlib.compress(whole[at : at + PIECE])
        SyncUploadPiece.objects.create(upload=upload, number=number, content=piece)
    SyncUpload.objects.filter(pk=upload.pk).update(size=len(whole))


def _without(upload: SyncUpload, needles: Collection[bytes]) -> Iterator[bytes | None]:
    """The lines that name nobody of these; None where one of the others is a part of a row."""
    rest = b""
    for piece in _pieces(upload):
        *lines, rest = (rest + piece).splitlines(keepends=True) or [b""]
        yield from (_kept(line, needles) for line in lines)
    yield _kept(rest, needles)


def _kept(line: bytes, needles: Collection[bytes]) -> bytes | None:
    if not any(needle in line.lower() for needle in needles):
        return line
    return None if line.count(b'"') % 2 else b""


def _pieces(upload: SyncUpload) -> Iterator[bytes]:
    rows: QuerySet[SyncUploadPiece] = SyncUploadPiece.objects.filter(upload=upload).order_by("number")
    for piece in rows.iterator(chunk_size=4):
        yield zlib.decompress(bytes(piece.content))
