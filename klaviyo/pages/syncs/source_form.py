"""The first step of a sync: what is read, how, and what tells one of its rows from another."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import QueryDict
from django.utils.text import slugify

from integrations.models import Connection
from klaviyo.models import Sync, SyncSource, SyncUpload
from klaviyo.pages.syncs import preview
from klaviyo.pages.syncs.preview import Preview
from klaviyo.syncs.columns import counting, header_words
from klaviyo.syncs.columns.counting import Counted
from klaviyo.syncs.sources import encodings, queries, readings, ready, uploads
from klaviyo.syncs.sources.contents import Uploaded
from klaviyo.syncs.sources.opening import content_of, open_table
from klaviyo.syncs.sources.table import SourceError

COUNTING_SECONDS = 15.0
LONGEST_NAME, LONGEST_SLUG = 100, 64
ENCODINGS = ("utf-8", "cp1252", "iso-8859-1", "iso-8859-15", "cp1250", "cp1251", "mac_roman", "utf-16", "utf-8-sig")
DELIMITERS = (
    (",", "Comma ,"),
    (";", "Semicolon ;"),
    ("\t", "Tab"),
    ("|", "Bar |"),
    (readings.JSON_LINES, "None: JSON lines"),
)
Kind = SyncSource.Kind


@dataclass(frozen=True)
class Asked:
    """What the form asks for."""

    name: str
    kind: str
    ready: str
    database: str
    query: str
    encoding: str
    delimiter: str
    header_line: str
    key: tuple[str, ...]

    @classmethod
    def read(cls, data: QueryDict) -> "Asked":
        def text(name: str, most: int = 200) -> str:
            return data.get(name, "").replace("\x00", "")[:most]

        return cls(
            text("name", LONGEST_NAME).strip(),
            text("kind", 8),
            text("ready"),
            text("database", 64),
            text("query", 20_000).replace("\r\n", "\n"),
            text("encoding", 40),
            text("delimiter", 20),
            text("header_line", 6).strip(),
            tuple(one for one in data.getlist("key") if one),
        )


def begin(asked: Asked, file: "UploadedFile[Any] | None", connection: Connection, by: User) -> Sync:
    """A draft of a sync, with its source as it was read. Raises SourceError, and then there is none."""
    source = SyncSource(kind=asked.kind, ready=asked.ready, database=asked.database, query=asked.query)
    with transaction.atomic():
        if asked.kind == Kind.FILE:
            if file is None:
                raise SourceError("Choose a file first.")
            source.upload = uploads.keep(file.name or "", file.chunks(), by)
            source.reading = readings.proposed(Uploaded(source.upload)).as_json()
        found = _looked(source)
        name = asked.name or _name(source)
        source.name = _free(name, set(SyncSource.objects.values_list("name", flat=True)), LONGEST_NAME)
        source.zone = connection.timezone or "UTC"
        source.columns = list(found.columns)
        source.key_columns = proposed_key(found)
        source.save()
        slugs = set(Sync.objects.values_list("slug", flat=True))
        return Sync.objects.create(
            slug=_free(slugify(name) or "sync", slugs, LONGEST_SLUG, "-"),
            name=name[:LONGEST_NAME],
            source=source,
            connection=connection,
            destination=Sync.Destination.PROFILES,
            mode=Sync.Mode.UPSERT,
            zone=source.zone,
            created_by=by,
        )


def change(source: SyncSource, asked: Asked, upload: SyncUpload | None) -> None:
    """Take what the form says into the source, as it is read then. Raises SourceError; it is not saved here."""
    if upload is not None:
        source.upload = upload
        source.path = ""
    if source.kind == Kind.FILE:
        source.reading = _reading(source, asked, is_new=upload is not None)
    elif source.kind == Kind.SQL:
        source.database, source.query = asked.database, asked.query
    else:
        source.ready = asked.ready or source.ready
    found = _looked(source)
    source.columns = list(found.columns)
    wanted = [one for one in asked.key if one in found.columns]
    source.key_columns = wanted or proposed_key(found)


def counted(source: SyncSource) -> Counted:
    """The keys of all rows, as far as the time lets. Raises SourceError."""
    ends_at = time.monotonic() + COUNTING_SECONDS
    with open_table(source) as table:
        return counting.of(table, source.key_columns, lambda: time.monotonic() > ends_at)


def proposed_key(found: Preview) -> list[str]:
    """The column that is likely to be the key: an id, or an address, that no two rows seen share."""
    unique = [one for one in found.columns if _is_unique(found, one)]
    likely = sorted(unique, key=lambda one: (not _is_id(one), header_words.field_of(one) != "email"))
    best = next((one for one in likely if _is_id(one) or header_words.field_of(one) == "email"), None)
    return [best] if best else likely[:1]


def encoding_choices(current: str) -> list[tuple[str, str]]:
    names = dict.fromkeys([*([current] if current else []), *ENCODINGS])
    return [(name, encodings.name_of(name) + (" with a mark" if name == "utf-8-sig" else "")) for name in names]


def choices() -> dict[str, Sequence[Any]]:
    return {"ready_tables": ready.names(), "databases": queries.names(), "delimiters": DELIMITERS}


def _looked(source: SyncSource) -> Preview:
    if source.kind not in Kind.values:
        raise SourceError("Choose what is read: a file, Sorae's own data, or a query.")
    if source.kind == Kind.SQL and not source.query.strip():
        raise SourceError("Write a query.")
    found = preview.of(source)
    if found.problem:
        raise SourceError(found.problem)
    return found


def _reading(source: SyncSource, asked: Asked, *, is_new: bool) -> dict[str, Any]:
    """What was chosen; where the encoding or the delimiter is another, its header is looked for anew."""
    content, now = content_of(source), dict(source.reading)
    if not asked.encoding or (is_new and not now):
        return readings.proposed(content).as_json()
    if is_new:
        return now
    line = asked.header_line
    if line and not line.isdecimal():
        raise SourceError("The line of the header is a number from 1, or left out where there is none.")
    chosen = {"encoding": asked.encoding, "delimiter": asked.delimiter, "header_line": int(line) if line else None}
    is_other = any(chosen[name] != now.get(name) for name in ("encoding", "delimiter"))
    if is_other and chosen["header_line"] == now.get("header_line"):
        return readings.proposed(content, encoding=asked.encoding, delimiter=asked.delimiter).as_json()
    return readings.Reading.of(chosen).as_json()


def _is_unique(found: Preview, column: str) -> bool:
    place = found.columns.index(column)
    values = [row.values[place] if place < len(row.values) else None for row in found.rows]
    told = [str(value).strip() for value in values if value is not None and str(value).strip()]
    return bool(told) and len(told) * 10 >= len(values) * 8 and len(set(told)) * 10 >= len(told) * 9


def _is_id(column: str) -> bool:
    folded = header_words.fold(column)
    return folded == "id" or header_words.field_of(column) == "external_id" or folded in ("orderid", "order", "key")


def _name(source: SyncSource) -> str:
    if source.kind == Kind.FILE and source.upload is not None:
        return PurePath(source.upload.name).stem[:LONGEST_NAME] or "File"
    return source.ready.capitalize() if source.kind == Kind.READY else f"Query of {source.database}"


def _free(name: str, taken: set[str], longest: int, joint: str = " ") -> str:
    """The name, with a number behind it where it is taken."""
    made, number = name[:longest], 1
    while made in taken:
        number += 1
        made = f"{name[: longest - 6]}{joint}{number}"
    return made
