"""Rows by SQL, from a real PostgreSQL and from SQLite: streamed, and never anything but read."""

import importlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest
from django.db import IntegrityError
from django.db.utils import ConnectionHandler
from pytest_django import DjangoDbBlocker, Settings

from klaviyo.syncs.sources import queries, statements
from klaviyo.syncs.sources.table import Row, SourceError
from sorae import databases
from tests import servers

pytestmark = pytest.mark.django_db(transaction=True)  # as a connection is made, though of no database of ours

TABLES = """
CREATE TABLE customers (id bigint PRIMARY KEY, email text, spent numeric(12, 2), at timestamptz, note jsonb);
INSERT INTO customers
    SELECT n, 'p' || n || '@tea.test', n + 0.50, '2026-11-20 10:00+01', '{"n": 1.10}' FROM generate_series(1, 5000) n;
CREATE TABLE wages (id int);
CREATE SEQUENCE counter;
CREATE ROLE reader LOGIN;
GRANT SELECT ON customers TO reader;
CREATE ROLE writer LOGIN;
GRANT SELECT, INSERT ON customers TO writer;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO reader, writer;
"""


ENDLESS = "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n)"


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here takes long, unless it is wrong."""
    monkeypatch.setattr(queries, "LONGEST_SECONDS", 60.0)


@pytest.fixture(scope="module")
def server(django_db_blocker: DjangoDbBlocker) -> Iterator[str]:
    try:
        with servers.postgres() as url:
            with (
                django_db_blocker.unblock(),
                closing(ConnectionHandler({"default": databases.read(url)})["default"]) as it,
            ):
                it.cursor().execute(TABLES)
            yield url
    except servers.NotHere as missing:
        pytest.skip(str(missing))


@pytest.fixture
def warehouse(server: str, settings: Settings) -> str:
    """Databases of three roles."""
    for role in ("reader", "writer", servers.ROLE):
        url = server.replace(f"{servers.ROLE}@", f"{role}@")
        settings.SYNC_DATABASES = {**settings.SYNC_DATABASES, role: databases.read(url)}
    return server


@pytest.fixture
def embedded(tmp_path: Path, settings: Settings) -> Path:
    file = tmp_path / "some where.sqlite3"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE customers (id INTEGER, email TEXT, at TIMESTAMP)")
        connection.executemany(
            "INSERT INTO customers VALUES (?, ?, 'soon')", [(n, f"p{n}@tea.test") for n in range(1, 5001)]
        )
    settings.SYNC_DATABASES = {"embedded": databases.read(f"sqlite:///{file}")}
    return file


def rows(database: str, query: str, limit: int | None = None) -> list[Row]:
    with queries.opened(database, query, limit=limit) as table:
        return [row for row in table if isinstance(row, Row)]


def refusal(database: str, query: str) -> str:
    with pytest.raises(SourceError) as refused:
        rows(database, query)
    return str(refused.value)


def test_rows_with_their_values_as_the_database_has_them(warehouse: str) -> None:
    with queries.opened(
        "Reader", "SELECT id, email AS mail, spent, at, note FROM customers ORDER BY id -- all;"
    ) as table:
        assert table.columns == ("id", "mail", "spent", "at", "note")
        found = list(table)
    moment = datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert found[0] == Row(1, (1, "p1@tea.test", Decimal("1.50"), moment, '{"n": 1.10}'))
    assert (len(found), found[-1].number) == (5000, 5000)


def test_only_the_first_rows_for_a_preview(warehouse: str) -> None:
    assert [row.number for row in rows("reader", "TABLE customers", limit=3)] == [1, 2, 3]
    assert rows("reader", "SELECT 100 % 7, '%s' AS text FROM customers WHERE email LIKE 'p1%'", limit=1)[0].values == (
        2,
        "%s",
    )


def test_an_answer_without_rows_has_columns_all_the_same(warehouse: str) -> None:
    with queries.opened("reader", "SELECT id, email FROM customers WHERE false") as table:
        assert (table.columns, list(table)) == (("id", "email"), [])


def test_it_streams(warehouse: str) -> None:
    """Were all of it kept before the first row, that would take all of the time there is."""
    with queries.opened("reader", f"{ENDLESS} SELECT i, repeat('x', 1000) FROM n") as table:
        found = [row for row, _ in zip(table, range(5000), strict=False)]
    assert found[-1].number == 5000


ATTACKS = {
    "DROP TABLE customers": "begins with one of",
    "SELECT 1; COMMIT; INSERT INTO customers VALUES (0)": "more than one statement",
    "WITH gone AS (DELETE FROM customers RETURNING id) SELECT * FROM gone": "refuses the query|right to",
    "SELECT nextval('counter')": "nextval, which does more",
    "SELECT pg_read_file('/etc/passwd')": "pg_read_file, which does more",
    "SELECT lo_import('/etc/passwd')": "lo_import, which does more",
    "SELECT * FROM pg_ls_dir('/')": "pg_ls_dir, which does more",
    "SELECT pg_sleep(3600)": "pg_sleep, which does more",
    "SELECT set_config('default_transaction_read_only', 'off', false)": "set_config, which does more",
    "SELECT 1) q; DROP TABLE customers; --": "more than one statement",
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("role", ["reader", "writer", servers.ROLE])
def test_an_attack_is_refused_in_a_sentence_and_changes_nothing(attack: str, role: str, warehouse: str) -> None:
    with pytest.raises(SourceError, match=ATTACKS[attack]):
        rows(role, attack)
    assert len(rows("reader", "SELECT id FROM customers")) == 5000


@pytest.mark.parametrize(
    ("attack", "role", "said"),
    [
        ("SELECT nextval('counter')", "reader", "has not the right to: permission denied for sequence counter"),
        ("SELECT nextval('counter')", servers.ROLE, "would change something"),
        ("SELECT pg_read_file('/etc/passwd')", "reader", "has not the right to"),
        ("SELECT lo_import('/etc/passwd')", "reader", "has not the right to|would change something"),
        ("SELECT * FROM pg_ls_dir('/')", "reader", "has not the right to"),
        ("SELECT pg_sleep(3600)", "reader", "took too long"),
        ("SELECT * FROM wages", "reader", "has not the right to: permission denied for table wages"),
        ("SELECT * FROM customers FOR UPDATE", servers.ROLE, "would change something"),
        ("SELECT id INTO copies FROM customers", servers.ROLE, "refuses the query"),
    ],
)
def test_the_database_refuses_it_too(
    attack: str, role: str, said: str, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked through may have been looked through badly: this is the guard."""
    monkeypatch.setattr(statements, "_DOES_MORE", statements._IN_COMMENT)  # matches no name
    monkeypatch.setattr(queries, "LONGEST_SECONDS", 1.0)
    with pytest.raises(SourceError, match=said):
        rows(role, attack)


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT 1) q; COMMIT; DELETE FROM customers; --",
        "SELECT 1) q; ROLLBACK; SET default_transaction_read_only = off; DELETE FROM customers; COMMIT; --",
    ],
)
def test_even_what_breaks_out_meets_a_role_that_may_not(
    attack: str, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statements, "checked", lambda query: query)
    assert refusal("reader", attack)
    assert len(rows("reader", "SELECT id FROM customers")) == 5000


def test_mistakes_are_named_with_their_place(warehouse: str) -> None:
    said = refusal("reader", "SELECT id,\n  emial FROM customers")
    assert said == 'The database refuses the query: column "emial" does not exist (line 2, column 3).'
    assert "syntax error" in refusal("reader", "SELECT FROM FROM customers")
    assert refusal("reader", "SELECT 1 AS a, 2 AS a") == (
        "Two columns of the query have the name a. Give one another name with AS."
    )


def test_no_value_of_a_row_is_told(warehouse: str) -> None:
    said = refusal("reader", "SELECT email::int FROM customers")
    assert said == "The query fails on a row: invalid input syntax for type integer."
    assert "Ann" not in refusal("reader", "SELECT 'Ann'::int")
    assert refusal("reader", "SELECT 'infinity'::timestamptz, '4000-01-01 BC'::date").startswith(
        "A value of the result"
    )


def test_a_failure_after_the_first_rows_stops_it(warehouse: str) -> None:
    said = refusal("reader", "SELECT 1 / (4000 - id) FROM customers ORDER BY id")
    assert said == "The query fails on a row: division by zero."


def test_what_fails_beside_it_is_not_taken_for_its_fault(warehouse: str) -> None:
    def fail() -> None:
        with queries.opened("reader", "SELECT 1") as table:
            assert list(table)
            raise IntegrityError("of another database")

    with pytest.raises(IntegrityError):
        fail()


def test_a_database_that_is_not_there(warehouse: str, settings: Settings) -> None:
    settings.SYNC_DATABASES = {"away": databases.read("postgres://reader:secret@/no-such-folder/postgres")}
    said = refusal("away", "SELECT 1")
    assert said.startswith("The database does not answer: ")
    assert "secret" not in said
    assert refusal("no such", "SELECT 1") == (
        "There is no database 'no such'. There are: away. Set SYNC_DATABASE_URL_NO_SUCH to its address."
    )


def test_what_a_role_may_read_is_listed(warehouse: str) -> None:
    assert queries.tables("reader") == {"customers": ["id", "email", "spent", "at", "note"]}
    assert list(queries.tables(servers.ROLE)) == ["customers", "wages"]


def test_a_role_that_may_write_is_warned_of(warehouse: str) -> None:
    assert queries.warnings("reader") == []
    assert [said.split(".")[0] for said in queries.warnings("writer")] == [
        "The role writer may write to tables, such as customers"
    ]
    assert "is a superuser" in queries.warnings(servers.ROLE)[0]


# --- SQLite ------------------------------------------------------------------------------------------


def test_sqlite_streams_rows_as_they_are_stored(embedded: Path) -> None:
    found = rows("embedded", "SELECT id, email, at FROM customers ORDER BY id")
    assert (len(found), found[0]) == (5000, Row(1, (1, "p1@tea.test", "soon")))
    assert len(rows("embedded", f"{ENDLESS} SELECT i FROM n", 7)) == 7


def test_the_tables_of_sqlite_are_listed(embedded: Path) -> None:
    assert queries.tables("embedded") == {"customers": ["id", "email", "at"]}


@pytest.mark.parametrize(
    "attack",
    [
        "DELETE FROM customers RETURNING id",
        "INSERT INTO customers (id) VALUES (0) RETURNING id",
        "DROP TABLE customers",
        "ATTACH 'other.sqlite3' AS other",
        "PRAGMA user_version = 7",
        "SELECT * FROM pragma_user_version",
        "SELECT load_extension('x')",
        "SELECT 1) q; DROP TABLE customers; --",
        "VACUUM INTO 'other.sqlite3'",
    ],
)
@pytest.mark.parametrize("is_looked_through", [True, False])
def test_sqlite_only_reads(
    attack: str, is_looked_through: bool, embedded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = embedded.read_bytes()
    if not is_looked_through:
        monkeypatch.setattr(statements, "checked", lambda query: query)
    assert refusal("embedded", attack).endswith(".")
    assert (embedded.read_bytes(), [*embedded.parent.iterdir()]) == (before, [embedded])


def test_sqlite_is_given_up_as_well(embedded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "LONGEST_SECONDS", 0.2)
    assert "took too long" in refusal("embedded", f"{ENDLESS} SELECT max(i) FROM n")


def test_a_file_that_is_no_database(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "notes.txt").write_text("no database\n" * 100)
    for name, said in (("notes.txt", "no sound SQLite database"), ("none", "cannot be opened")):
        settings.SYNC_DATABASES = {"it": databases.read(f"sqlite:///{tmp_path / name}")}
        assert said in refusal("it", "SELECT name FROM sqlite_master")
    assert not (tmp_path / "none").exists()


# --- Others ------------------------------------------------------------------------------------------


def test_other_databases_say_what_they_need(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> ModuleType:
        raise ImportError(name)

    settings.SYNC_DATABASES = {"snow": {"URL": "snowflake://reader:secret@account/db"}}
    monkeypatch.setattr(importlib, "import_module", missing)
    said = refusal("snow", "SELECT 1")
    assert said.startswith("This database needs SQLAlchemy")
    assert "secret" not in said
