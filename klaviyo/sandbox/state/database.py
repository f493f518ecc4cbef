"""One SQLite file behind one lock: what has been answered is on disk."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = Path(__file__).with_name("schema.sql")


class StateInUse(Exception):
    """Another sandbox has this file open."""


class Database:
    """The only door to the state; every request is one transaction.

    WAL with synchronous=NORMAL keeps a committed transaction when the process is killed.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.RLock()
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._connection = sqlite3.connect(
            ":memory:" if path is None else str(path),
            isolation_level=None,
            check_same_thread=False,
            timeout=1,
            cached_statements=256,
        )
        self._connection.row_factory = sqlite3.Row
        try:
            self._open()
        except sqlite3.OperationalError as error:
            self._connection.close()
            raise StateInUse(f"{path} is in use by another sandbox, or is not writable.") from error

    def _open(self) -> None:
        self._connection.executescript(
            "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; "
            "PRAGMA foreign_keys=ON; PRAGMA cache_size=-32000;"
        )
        self._connection.executescript(_SCHEMA.read_text())

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def empty(self) -> None:
        with self.transaction() as sql:
            tables = sql.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
            sql.execute("PRAGMA defer_foreign_keys=ON")
            for (name,) in tables:
                sql.execute(f"DELETE FROM {name}")  # noqa: S608 - the names are the schema's own

    def close(self) -> None:
        with self._lock:
            self._connection.close()
