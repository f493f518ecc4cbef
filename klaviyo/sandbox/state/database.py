"""Database: one SQLite file behind one lock; whatever has been answered is on disk."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMAS = sorted(Path(__file__).parent.glob("*.sql"))


class StateInUse(Exception):
    """Another sandbox has this file open."""


class Session:
    """One transaction that has perhaps not begun yet."""

    def __init__(self, connection: sqlite3.Connection, lock: threading.RLock) -> None:
        self._connection = connection
        self._lock = lock
        self._has_begun = False

    @property
    def sql(self) -> sqlite3.Connection:
        if not self._has_begun:
            self._lock.acquire()
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except BaseException:
                self._lock.release()
                raise
            self._has_begun = True
        return self._connection

    def end(self, how: str) -> None:
        if not self._has_begun:
            return
        self._has_begun = False
        try:
            self._connection.execute(how)
        finally:
            self._lock.release()


class Database:
    """The only door to the state; every request is one transaction.

    WAL keeps a committed transaction when the process is killed; only a machine that loses power may lose some.
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
            "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; "
            "PRAGMA foreign_keys=ON; PRAGMA cache_size=-64000; "
            "PRAGMA wal_autocheckpoint=8000; PRAGMA temp_store=MEMORY;"
        )
        for schema in _SCHEMAS:
            self._connection.executescript(schema.read_text())
        self._bring_up_to_date()

    def _bring_up_to_date(self) -> None:
        """A file of an earlier sandbox gets what has been added since."""
        columns = {row["name"] for row in self._connection.execute("PRAGMA table_info(events)")}
        if "received_at" not in columns:
            self._connection.execute("ALTER TABLE events ADD COLUMN received_at REAL NOT NULL DEFAULT 0")
        columns = {row["name"] for row in self._connection.execute("PRAGMA table_info(profiles)")}
        if "others" not in columns:
            self._connection.execute("ALTER TABLE profiles ADD COLUMN others TEXT NOT NULL DEFAULT '{}'")
        self._connection.executescript("DROP INDEX IF EXISTS events_of_profile; DROP TABLE IF EXISTS job_profiles;")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self.when_needed() as session:
            yield session.sql

    @contextmanager
    def when_needed(self) -> Iterator[Session]:
        """A transaction that begins, and keeps others out, only when its `sql` is first asked for."""
        session = Session(self._connection, self._lock)
        try:
            yield session
        except BaseException:
            session.end("ROLLBACK")
            raise
        session.end("COMMIT")

    def empty(self) -> None:
        with self.transaction() as sql:
            tables = sql.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
            sql.execute("PRAGMA defer_foreign_keys=ON")
            for (name,) in tables:
                sql.execute(f"DELETE FROM {name}")  # noqa: S608 - the names are the schema's own

    def close(self) -> None:
        with self._lock:
            self._connection.close()
