"""Cursor paging of a listing, with an opaque cursor."""

import base64
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from klaviyo.sandbox.protocol.errors import Refusal, invalid_parameter
from klaviyo.sandbox.protocol.filters import Where


@dataclass(frozen=True)
class Sort:
    """The order of a listing: a column, and the row number where it says nothing."""

    column: str
    descending: bool = False
    may_be_null: bool = True

    @property
    def says_nothing(self) -> bool:
        return self.column == "''"

    @property
    def order(self) -> str:
        """Its column as text that is never null; a bare column lets an index give the order."""
        return f"COALESCE({self.column}, '')" if self.may_be_null and not self.says_nothing else self.column


@dataclass(frozen=True)
class Page:
    """The rows of one page and the cursors to its neighbours."""

    rows: list[sqlite3.Row]
    next: str | None
    previous: str | None


def read(
    sql: sqlite3.Connection, select: str, where: Where, sort: Sort, size: int, cursor: str | None, key: str
) -> Page:
    """One page of `select`; `key` is the column that numbers its rows."""
    backwards, position = _opened(cursor)
    descending = sort.descending != backwards
    order = sort.order
    direction = "DESC" if descending else "ASC"
    mark = "<" if descending else ">"
    if sort.says_nothing:
        ordering = f"{key} {direction}"
        where = where.and_also(f"{key} {mark} ?", position[1]) if position else where
    else:
        ordering = f"{order} {direction}, {key} {direction}"
        where = where.and_also(f"({order}, {key}) {mark} (?, ?)", *position) if position else where
    clauses = f" WHERE {' AND '.join(where.clauses)}" if where.clauses else ""
    statement = f"{select.replace(' FROM ', f', {order} AS page_order, {key} AS page_key FROM ', 1)}{clauses}"
    statement += f" ORDER BY {ordering} LIMIT {size + 1}"
    rows = sql.execute(statement, where.values).fetchall()
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    goes_on = (more or backwards) and bool(rows)
    came_from = bool(rows) and (more if backwards else position is not None)
    return Page(
        rows,
        _cursor(rows[-1], backwards=False) if goes_on else None,
        _cursor(rows[0], backwards=True) if came_from else None,
    )


def _cursor(row: sqlite3.Row, *, backwards: bool) -> str:
    parts = [int(backwards), row["page_order"], row["page_key"]]
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


def _opened(cursor: str | None) -> tuple[bool, tuple[Any, Any] | None]:
    if not cursor:
        return False, None
    try:
        backwards, order, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        is_ours = isinstance(order, str | int | float) and isinstance(key, int) and abs(key) < 2**63
    except (ValueError, TypeError):
        is_ours = False
    if not is_ours:
        raise Refusal(invalid_parameter("Invalid cursor provided.", "page[cursor]"))
    return bool(backwards), (order, key)
