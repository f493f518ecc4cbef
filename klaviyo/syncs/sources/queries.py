"""SQL sources: the rows of one query over a database of its own name, streamed, and never anything but read.

What keeps it from writing is, in this order: the role that SYNC_DATABASE_URL_<NAME> signs in with; a transaction that
only reads; and that the query is one statement, asked as a part of ours.
"""

import importlib
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from django import db
from django.conf import settings
from django.db.utils import ConnectionHandler

from klaviyo.syncs.sources import refusals, statements
from klaviyo.syncs.sources.table import BadRow, Row, SourceError, Warned

LONGEST_SECONDS = 900.0  # for the first rows to come, and for each fetch
PREVIEW_SECONDS = 10.0
MOST_LISTED = 5000  # columns
AT_ONCE = 2000  # rows of a fetch; fewer, where they are long
BYTES_AT_ONCE = 1 << 22
READ_ONLY = {"mysql": "SET SESSION TRANSACTION READ ONLY", "mariadb": "SET SESSION TRANSACTION READ ONLY"}
STEPS = 50_000  # of SQLite's machine between two looks at the clock

Fetch = Callable[[int], Sequence[Sequence[Any]]]
#: How a kind of database is asked: its settings, the statement, and for how many seconds; columns, and how to fetch.
Asked = AbstractContextManager[tuple[Sequence[str], Fetch]]


@dataclass
class QueryTable:
    """The answer to a query; it can be iterated once."""

    columns: tuple[str, ...]
    _rows: Iterator[Sequence[Any]]

    def __iter__(self) -> Iterator[Row | BadRow | Warned]:
        for number, values in enumerate(self._rows, 1):
            yield Row(number, tuple(values))


def names() -> list[str]:
    """The databases that there are."""
    return sorted(settings.SYNC_DATABASES)


@contextmanager
def opened(database: str, query: str, *, limit: int | None = None) -> Iterator[QueryTable]:
    """The query's rows; of a preview fewer, and sooner given up. Raises SourceError, also while they are read."""
    config = _config(database)
    statement = f"SELECT * FROM (\n{statements.checked(query)}\n) q" + (
        f" LIMIT {limit:d}" if limit is not None else ""
    )
    seconds = LONGEST_SECONDS if limit is None else PREVIEW_SECONDS
    ask = _ways(config)
    with ask(config, statement, seconds) as (columns, fetch):
        yield QueryTable(_checked_names(columns), _streamed(fetch))


def warnings(database: str) -> list[str]:
    """What the role of a database may do that no source needs, in sentences. Raises SourceError."""
    config = _config(database)
    return _of_role(config) if _engine(config) == "postgresql" else []


def tables(database: str) -> dict[str, list[str]]:
    """What the role may read: tables and views with their columns, as a query names them. Raises SourceError."""
    engine, found = _engine(_config(database)), dict[str, list[str]]()
    asked = {"postgresql": _TABLES_OF_POSTGRESQL, "sqlite3": _TABLES_OF_SQLITE}.get(engine, _TABLES_OF_OTHERS)
    with opened(database, asked, limit=MOST_LISTED) as rows:
        for row in rows:
            if isinstance(row, Row):
                found.setdefault(str(row.values[0]), []).extend(map(str, row.values[1:]))
    if engine == "sqlite3":
        return {name: _columns_of(database, name) for name in found}
    return found


def _columns_of(database: str, table: str) -> list[str]:
    quoted = table.replace('"', '""')
    with opened(database, f'SELECT * FROM "{quoted}"', limit=0) as rows:
        return list(rows.columns)


_TABLES_OF_OTHERS = """
SELECT table_name AS t, column_name AS c FROM information_schema.columns WHERE table_schema <> 'information_schema'
    ORDER BY table_name, ordinal_position
"""
_TABLES_OF_POSTGRESQL = """
SELECT CASE table_schema WHEN 'public' THEN '' ELSE quote_ident(table_schema) || '.' END || quote_ident(table_name) t,
    quote_ident(column_name) c FROM information_schema.columns
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
    AND has_table_privilege(quote_ident(table_schema) || '.' || quote_ident(table_name), 'SELECT')
    ORDER BY table_schema, table_name, ordinal_position
"""
_TABLES_OF_SQLITE = """
SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name
"""


def _config(database: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] | None = settings.SYNC_DATABASES.get(database.lower())
    if found is None:
        known = f"There are: {', '.join(names())}." if names() else "There is none yet."
        raise SourceError(
            f"There is no database {database!r}. {known} Set SYNC_DATABASE_URL_{_variable(database)} to its address."
        )
    return found


def _variable(database: str) -> str:
    return "".join(one if one.isalnum() and one.isascii() else "_" for one in database.upper()) or "NAME"


def _engine(config: Mapping[str, Any]) -> str:
    return str(config.get("ENGINE", "")).rpartition(".")[2]


def _ways(config: Mapping[str, Any]) -> Callable[[Mapping[str, Any], str, float], Asked]:
    return {"postgresql": _postgresql, "sqlite3": _sqlite}.get(_engine(config), _sqlalchemy)


def _streamed(fetch: Fetch) -> Iterator[Sequence[Any]]:
    """Some at a time, by how long the last ones were: memory stays the same."""
    number = 10
    while rows := fetch(number):
        yield from rows
        longest = max(sum(len(value) for value in row if isinstance(value, str | bytes)) for row in rows)
        number = max(1, min(AT_ONCE, BYTES_AT_ONCE // (longest + 100)))


def _checked_names(columns: Sequence[str]) -> tuple[str, ...]:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise SourceError(f"Two columns of the query have the name {twice[0]}. Give one another name with AS.")
    return tuple(columns)


# --- PostgreSQL --------------------------------------------------------------------------------------


@contextmanager
def _postgresql(config: Mapping[str, Any], statement: str, seconds: float) -> Iterator[tuple[Sequence[str], Fetch]]:
    with _signed_in(config, seconds) as connection:
        with _said(statement):
            cursor = connection.chunked_cursor()
            cursor.execute(statement)
            waiting = list(cursor.fetchmany(1))  # which tells the columns: they are not known before

        def fetch(number: int) -> Sequence[Sequence[Any]]:
            with _said(statement):
                rows = waiting + list(cursor.fetchmany(number))
            waiting.clear()
            return rows

        yield [column[0] for column in cursor.description or ()], fetch


@contextmanager
def _signed_in(config: Mapping[str, Any], seconds: float) -> Iterator[Any]:
    """A connection of its own, in a transaction that reads only, and that ends with it.

    https://www.postgresql.org/docs/current/runtime-config-client.html
    """
    patience = f"{int(seconds * 1000)}"
    ours = {
        "default_transaction_read_only": "on",
        "statement_timeout": patience,
        "idle_in_transaction_session_timeout": f"{int(LONGEST_SECONDS * 1000)}",
        "lock_timeout": patience,
        "standard_conforming_strings": "on",  # by which `statements` reads
    }
    said = " ".join([str(config["OPTIONS"].get("options", "")), *(f"-c {name}={it}" for name, it in ours.items())])
    options = {"connect_timeout": 10, **config["OPTIONS"], "options": said.strip()}
    handler = ConnectionHandler({"default": {**config, "OPTIONS": options, "DISABLE_SERVER_SIDE_CURSORS": False}})
    connection = handler["default"]
    try:
        with _said(""):
            connection.set_autocommit(False)  # else the whole answer would be kept by the server before its first row
        yield connection
    finally:
        with suppress(db.Error):
            connection.close()


@contextmanager
def _said(statement: str) -> Iterator[None]:
    """What the database refuses, in a sentence."""
    try:
        yield
    except db.Error as error:
        raise SourceError(refusals.of_postgresql(error.__cause__ or error, statement)) from None
    except (ValueError, OverflowError):  # as of a year beyond 9999
        raise SourceError(refusals.NO_VALUE) from None


def _of_role(config: Mapping[str, Any]) -> list[str]:
    with _signed_in(config, PREVIEW_SECONDS) as connection, _said(""), connection.cursor() as cursor:
        cursor.execute(_RIGHTS)
        role, is_super, table, schema, may_make = cursor.fetchone()
    advice = "Make one that may only read: GRANT SELECT on what it needs, and nothing else."
    if is_super:
        return [
            f"The role {role} is a superuser: nothing but a transaction that reads only keeps it from writing. {advice}"
        ]
    found = [f"The role {role} may write to tables, such as {table}. {advice}"] if table else []
    if schema or may_make:
        found.append(f"The role {role} may make tables{f' in the schema {schema}' if schema else ''}. {advice}")
    return found


_RIGHTS = """
SELECT current_user::text,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
    (SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
        AND n.nspname NOT LIKE 'pg\\_%' AND has_schema_privilege(n.oid, 'USAGE')
        AND has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE') ORDER BY c.relname LIMIT 1),
    (SELECT nspname::text FROM pg_namespace WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
        AND has_schema_privilege(oid, 'CREATE') ORDER BY nspname LIMIT 1),
    has_database_privilege(current_database(), 'CREATE')
"""

# --- SQLite ------------------------------------------------------------------------------------------

_MAY = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_MAY_NOT_CALL = {"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"}


def _allowed(action: int, _first: str | None, second: str | None, *_: str | None) -> int:
    """https://www.sqlite.org/c3ref/set_authorizer.html"""
    is_harmless = action in _MAY and not (action == sqlite3.SQLITE_FUNCTION and second in _MAY_NOT_CALL)
    return sqlite3.SQLITE_OK if is_harmless else sqlite3.SQLITE_DENY


@contextmanager
def _sqlite(config: Mapping[str, Any], statement: str, seconds: float) -> Iterator[tuple[Sequence[str], Fetch]]:
    ends = time.monotonic() + seconds

    @contextmanager
    def said() -> Iterator[None]:
        nonlocal ends
        ends = time.monotonic() + seconds
        try:
            yield
        except sqlite3.Error as error:
            raise SourceError(refusals.of_sqlite(error)) from None

    def fetch(number: int) -> Sequence[Sequence[Any]]:
        with said():
            return cursor.fetchmany(number)

    with ExitStack() as stack:
        with said():
            # https://www.sqlite.org/uri.html#urimode: it cannot be written to, nor made where there is none
            address = f"file:{quote(str(config['NAME']))}?mode=ro"
            connection = sqlite3.connect(address, uri=True, timeout=seconds, check_same_thread=False)
            stack.enter_context(closing(connection))
            connection.execute("PRAGMA query_only = ON")
            connection.set_authorizer(_allowed)
            connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
            cursor = connection.execute(statement)
        yield [column[0] for column in cursor.description], fetch


# --- All others, by SQLAlchemy where it is installed ------------------------------------------------------


@contextmanager
def _sqlalchemy(config: Mapping[str, Any], statement: str, seconds: float) -> Iterator[tuple[Sequence[str], Fetch]]:  # noqa: ARG001
    try:
        sqlalchemy = importlib.import_module("sqlalchemy")
    except ImportError:
        raise SourceError(
            "This database needs SQLAlchemy, and a driver of its own, which are not installed here. "
            "Install them (pip install sqlalchemy, and the driver's package), or read PostgreSQL or SQLite."
        ) from None

    @contextmanager
    def said() -> Iterator[None]:
        try:
            yield
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise SourceError(refusals.of_sqlalchemy(error)) from None
        except ImportError as error:
            raise SourceError(f"The driver of this database is not installed: {error}. Install it.") from None

    def fetch(number: int) -> Sequence[Sequence[Any]]:
        with said():
            return [tuple(row) for row in answer.fetchmany(number)]

    with ExitStack() as stack:
        with said():
            engine = sqlalchemy.create_engine(config["URL"], poolclass=sqlalchemy.pool.NullPool)
            connection = stack.enter_context(engine.connect())
            if reads_only := READ_ONLY.get(engine.dialect.name):
                connection.exec_driver_sql(reads_only)
                connection.rollback()  # it holds from the next transaction on
            # https://docs.sqlalchemy.org/en/20/core/connections.html#using-server-side-cursors-a-k-a-stream-results
            streaming = connection.execution_options(stream_results=True, max_row_buffer=AT_ONCE)
            answer = streaming.exec_driver_sql(statement)
        yield list(answer.keys()), fetch
