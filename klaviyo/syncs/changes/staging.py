"""Staging: rows as they are read, written many at a time, for one attempt of a run."""

import io
from dataclasses import astuple, dataclass
from typing import Any

from django.db import connection as database

from klaviyo.models import SyncRow, SyncStaged

AT_ONCE = 5_000
COLUMNS = "run_id, attempt, n, number, key, digest, identity, email, payload, field, reason"

_TABLE = SyncStaged._meta.db_table
#: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-TEXT-FORMAT
_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


@dataclass(slots=True)
class Staged:
    """A row that was read: what is to be told of it, or the reason why it is rejected. Without a key nobody knows
    which row it is.
    """

    number: int
    key: str | None
    digest: bytes | None = None
    identity: str = ""
    email: str = ""
    payload: str = ""
    field: str = ""
    reason: str = ""


class Stage:
    """Where one attempt of a run puts its rows. Whoever reads by another attempt does not see them."""

    def __init__(self, run: int, attempt: int) -> None:
        self.run, self.attempt, self.count = run, attempt, 0
        self._rows: list[Staged] = []

    def add(self, row: Staged) -> bool:
        """Whether it has just written what it had."""
        self._rows.append(row)
        if len(self._rows) < AT_ONCE:
            return False
        self.write()
        return True

    def write(self) -> None:
        rows, self._rows = self._rows, []
        if not rows:
            return
        first, self.count = self.count + 1, self.count + len(rows)
        numbered = [(self.run, self.attempt, n, *astuple(row)) for n, row in enumerate(rows, first)]
        with database.cursor() as cursor:
            if database.vendor == "postgresql":
                lines = io.StringIO("".join(map(_line, numbered)))
                # psycopg2: https://www.psycopg.org/docs/cursor.html#cursor.copy_expert
                cursor.copy_expert(f"COPY {_TABLE} ({COLUMNS}) FROM STDIN", lines)
            else:
                cursor.executemany(f"INSERT INTO {_TABLE} ({COLUMNS}) VALUES ({', '.join(['%s'] * 11)})", numbered)

    def end(self) -> None:
        """All is written. The planner must know how much there is: without it joins go row by row for minutes.

        https://www.postgresql.org/docs/current/sql-analyze.html and https://www.sqlite.org/lang_analyze.html
        """
        self.write()
        with database.cursor() as cursor:
            for table in (_TABLE, SyncRow._meta.db_table):
                cursor.execute(f"ANALYZE {table}")


def clear(run: int, attempt: int | None = None) -> None:
    """What was staged for a run goes; with an attempt, what was for those before it."""
    rows = SyncStaged.objects.filter(run=run)
    (rows if attempt is None else rows.filter(attempt__lt=attempt))._raw_delete(rows.db)


def storable(text: str) -> str:
    """Without what no database keeps: NUL bytes and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _copied(value: Any) -> str:
    match value:
        case None:
            return "\\N"
        case str():
            return value.translate(_ESCAPED)
        case bytes():
            return f"\\\\x{value.hex()}"
        case _:
            return str(value)


def _line(values: tuple[Any, ...]) -> str:
    return "\t".join(map(_copied, values)) + "\n"
