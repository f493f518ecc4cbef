"""Opening of sources: whatever the kind, a table comes of it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

from klaviyo.syncs.sources import files, queries, readings, ready
from klaviyo.syncs.sources.contents import Content, OnDisk, Uploaded
from klaviyo.syncs.sources.readings import Reading
from klaviyo.syncs.sources.table import BadRow, Row, SourceError, Table, Warned


class Source(Protocol):
    """What a source says of itself, by its kind."""

    @property
    def kind(self) -> str: ...
    @property
    def ready(self) -> str: ...
    @property
    def database(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def upload(self) -> Any: ...
    @property
    def reading(self) -> Mapping[str, Any]: ...


class _First:
    """The first rows of a table, good and bad."""

    def __init__(self, table: Table, limit: int) -> None:
        self._table, self._limit = table, limit

    @property
    def columns(self) -> tuple[str, ...]:
        return self._table.columns

    def __iter__(self) -> Iterator[Row | BadRow | Warned]:
        left = self._limit
        for one in self._table:
            if not left:
                return
            yield one
            left -= not isinstance(one, Warned)


@contextmanager
def open_table(source: Source, *, limit: int | None = None) -> Iterator[Table]:
    """The source's table, all of it or its first rows. Raises SourceError, also while it is read."""
    if source.kind == "ready":
        table: Table = ready.table(source.ready)
    elif source.kind == "sql":
        with queries.opened(source.database, source.query, limit=limit) as found:
            yield found
        return
    else:
        content = content_of(source)
        table = files.table(content, reading_of(source, content), first=limit)
    yield table if limit is None else _First(table, limit)


def content_of(source: Source) -> Content:
    """The bytes of a source that is a file: the upload, where there is one."""
    if source.upload is not None:
        return Uploaded(source.upload)
    if not source.path:
        raise SourceError("The source has no file. Upload one, or give its path.")
    path = Path(source.path)
    folders = [Path(folder).resolve() for folder in settings.SYNC_FOLDERS]
    if folders and not any(path.resolve().is_relative_to(folder) for folder in folders):
        raise SourceError(f"{path.name} is in none of the folders that syncs may read: see SYNC_FOLDERS.")
    return OnDisk(path)


def reading_of(source: Source, content: Content) -> Reading:
    """As it was kept with the source; where nothing was, what the file proposes."""
    return Reading.of(source.reading) if source.reading else readings.proposed(content)
