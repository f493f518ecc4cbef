"""What may be asked of a database: one statement that reads, whatever it is dressed as."""

import pytest

from klaviyo.syncs.sources import statements
from klaviyo.syncs.sources.table import SourceError


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1",
        "select 1;",
        "  -- all of them\n select 1 ; -- and no more\n ;",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "VALUES (1), (2)",
        "TABLE customers",
        "(SELECT 1) UNION (SELECT 2)",
        "SELECT ';', '--', '/*', \"a;b\", $$it$$, E'\\'', 'it''s;' /* ; */",
        "SELECT nextval FROM pg_read_file",  # names of columns and tables
        "SELECT u & 1 FROM t WHERE note = 'pg_sleep(1)'",
    ],
)
def test_one_statement_that_reads(query: str) -> None:
    said = statements.checked(query)
    assert "no more" not in said
    assert not said.endswith((";", "\n"))


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("", "empty"),
        (" -- nothing\n;", "empty"),
        ("DROP TABLE customers", "begins with one of SELECT"),
        ("/* SELECT */ COPY t TO PROGRAM 'x'", "begins with one of SELECT"),
        ("EXPLAIN ANALYZE DELETE FROM t", "begins with one of SELECT"),
        ("SELECT 1; COMMIT; INSERT INTO t VALUES (1)", "more than one statement"),
        ("SELECT 1) q; DROP TABLE x; --", "more than one statement"),
        (r"SELECT '\') q; DROP TABLE x; --'", "more than one statement"),
        (r"SELECT 'a\'; DROP TABLE x; --'", "more than one statement"),
        ("SELECT E'a\\\\'; DROP TABLE x; --'", "more than one statement"),
        ("SELECT $a$ $a$; DROP TABLE x; --$a$", "more than one statement"),
        ("SELECT a$b$; DROP TABLE x; --$b$", "more than one statement"),
        ("SELECT /* /* */ 1; */ 1; DROP TABLE x", "more than one statement"),
        ("SELECT 1 -- \r; DROP TABLE x", "more than one statement"),
        ("SELECT 1) q, (SELECT 2", "parentheses"),
        ("SELECT (1", "parentheses"),
        ("SELECT " + "(" * 600 + ")" * 600, "parentheses"),
        ("SELECT 'open", "line 1, column 8: a quotation mark opens here"),
        ('SELECT\n "open', "line 2, column 2: a quotation mark opens here"),
        ("SELECT 1 /* open /* */", "line 1, column 10: a comment opens here"),
        ("SELECT pg_read_file('/etc/passwd')", "pg_read_file"),
        ("SELECT PG_CATALOG.PG_SLEEP (9)", "pg_sleep"),
        ("SELECT \"pg_ls_dir\" /* */ ('.')", "pg_ls_dir"),
        ('SELECT U&"pg\\005fsleep"(9)', "codes"),
        ("SELECT dblink_exec('', 'DROP TABLE x')", "dblink_exec"),
        ("SELECT query_to_xml('DROP TABLE x', true, true, '')", "query_to_xml"),
        ("SELECT nextval('s'), setval('s', 1)", "nextval"),
        ("SELECT set_config('default_transaction_read_only', 'off', false)", "set_config"),
        ("SELECT load_extension('x')", "load_extension"),
        ("SELECT 1\0", "a text of at most"),
        ("SELECT " + "1," * 60_000 + "1", "a text of at most"),
    ],
)
def test_anything_else_is_refused_in_a_sentence(query: str, why: str) -> None:
    with pytest.raises(SourceError, match=why):
        statements.checked(query)
