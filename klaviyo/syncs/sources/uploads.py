"""Uploads: a file that a browser sends, kept in compressed pieces that every worker can read."""

import zlib
from collections.abc import Iterable, Iterator

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from klaviyo.models import SyncUpload, SyncUploadPiece
from klaviyo.syncs.sources.table import SourceError

PIECE = 1_000_000  # bytes
MOST = 2_000_000_000
LONGEST_NAME = 255


@transaction.atomic
def keep(name: str, parts: Iterable[bytes], by: User | None) -> SyncUpload:
    """Keep the file, whose bytes come in parts of any size. Raises SourceError where it is empty or too large."""
    upload = SyncUpload.objects.create(name=_name(name), uploaded_by=by)
    size = 0
    for number, piece in enumerate(_pieces(parts)):
        size += len(piece)
        if size > MOST:
            raise SourceError("The file is larger than 2 GB. Cut it in parts, or put it where the server finds it.")
        SyncUploadPiece.objects.create(upload=upload, number=number, content=zlib.compress(piece))
    if not size:
        raise SourceError("The file is empty. Choose another.")
    SyncUpload.objects.filter(pk=upload.pk).update(size=size, ended_at=Now())
    upload.refresh_from_db()
    return upload


def _pieces(parts: Iterable[bytes]) -> Iterator[bytes]:
    rest = bytearray()
    for part in parts:
        rest += part
        while len(rest) >= PIECE:
            yield bytes(rest[:PIECE])
            del rest[:PIECE]
    if rest:
        yield bytes(rest)


def _name(name: str) -> str:
    """The file's own name, without folders and what nobody sees."""
    last = name.replace("\\", "/").rpartition("/")[2]
    return "".join(one for one in last if one.isprintable())[:LONGEST_NAME] or "file"
