"""Look-ups of many ids at once, in one parameter: a statement of a thousand parameters costs more than what it does."""

import json
from collections.abc import Iterable
from typing import Any

from django.db import connection as database
from django.db.models import BigAutoField, Lookup


def among(pks: Iterable[int]) -> tuple[str, str]:
    """What stands behind a column that is one of these, and its value."""
    if database.vendor == "postgresql":
        return "= ANY(%s::bigint[])", array(pks)
    return "IN (SELECT value FROM json_each(%s))", json.dumps(list(pks))  # https://www.sqlite.org/json1.html#jeach


def array(values: Iterable[Any]) -> str:
    """An array as PostgreSQL reads it: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-INPUT."""
    return f"{{{','.join(map(str, values))}}}"


@BigAutoField.register_lookup
class Among(Lookup):
    """`pk__among=[1, 2]`, as `pk__in`."""

    lookup_name = "among"
    prepare_rhs = False

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        column, values = self.process_lhs(compiler, connection)
        condition, ids = among(self.rhs)
        return f"{column} {condition}", (*values, ids)
