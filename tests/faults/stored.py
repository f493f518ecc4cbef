"""A dump of a database, read past every model: to see that nothing changed, or that a word is nowhere."""

from collections.abc import Iterator
from typing import Any

from django.db import connection as database

Rows = list[tuple[Any, ...]]


def tables(*besides: str) -> dict[str, Rows]:
    """Every row of every table, `besides` left out."""
    with database.cursor() as cursor:
        names = sorted(set(database.introspection.table_names(cursor)) - set(besides))
        return {name: _rows(cursor, name) for name in names}


def cells() -> Iterator[tuple[str, str]]:
    """Each value as text, behind the table and column that it stands in: ("referrals_advocate.email", "ann@…")."""
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {database.ops.quote_name(table)}")
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    yield f"{table}.{column}", str(value)


def _rows(cursor: Any, table: str) -> Rows:
    cursor.execute(f"SELECT * FROM {database.ops.quote_name(table)}")
    return sorted(cursor.fetchall(), key=repr)
