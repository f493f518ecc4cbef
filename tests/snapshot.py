"""A copy of all rows in memory, put back later: a database that goes back in time; and where an address stands."""

from collections.abc import Iterable
from typing import Any

from django.core.management.color import no_style
from django.db import connection as database
from django.db import transaction
from django.db.models import Model

Rows = dict[type[Model], list[dict[str, Any]]]


def take(models: Iterable[type[Model]]) -> Rows:
    """Every row as the database has it."""
    return {model: _rows(model) for model in models}


def put_back(rows: Rows) -> None:
    """These rows and no others."""
    with database.constraint_checks_disabled(), transaction.atomic(), database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
        for model, known in rows.items():
            table = database.ops.quote_name(model._meta.db_table)
            cursor.execute(f"DELETE FROM {table}")
            if known:
                columns = ", ".join(map(database.ops.quote_name, known[0]))
                places = ", ".join(["%s"] * len(known[0]))
                cursor.executemany(
                    f"INSERT INTO {table} ({columns}) VALUES ({places})", [list(row.values()) for row in known]
                )
        for statement in database.ops.sequence_reset_sql(no_style(), list(rows)):
            cursor.execute(statement)


def tables_with(text: str, models: Iterable[type[Model]]) -> list[str]:
    """The tables in which the text stands, in whatever case."""
    return [
        model._meta.db_table
        for model in models
        if any(text.lower() in str(value).lower() for row in _rows(model) for value in row.values())
    ]


def _rows(model: type[Model]) -> list[dict[str, Any]]:
    with database.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {database.ops.quote_name(model._meta.db_table)}")
        columns = [column[0] for column in cursor.description]
        return [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
