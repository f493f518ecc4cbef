"""Queues deliveries in the transaction of the fact that they tell of: the outbox pattern's first half."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.utils import timezone

from integrations.models import Delivery, Place
from integrations.outbox import wake_ups
from integrations.outbox.due import NOW
from integrations.outcomes import Outcome

State = Delivery.State

AT_ONCE = 2_000
TEXT, JSON, TIME, NUMBER = "text", "jsonb", "timestamptz", "smallint"
GIVEN = {
    "kind": TEXT,
    "key": TEXT,
    "lane": TEXT,
    "source": TEXT,
    "subject": TEXT,
    "body": JSON,
    "options": JSON,
    "warnings": JSON,
    "state": TEXT,
    "reason_code": TEXT,
    "reason": TEXT,
    "occurred_at": TIME,
    "not_after": TIME,
    "next_try_at": TIME,
    "settled_at": TIME,
    "shared_tries": NUMBER,
}


@dataclass(frozen=True)
class Order:
    """What to deliver. `key` names the fact for good: the same key is never queued twice for a connection.

    For `lane`, and what it means for this order when a delivery waits there already, see `Delivery`.
    """

    kind: str
    key: str
    occurred_at: datetime
    source: str = ""
    subject: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    lane: str = ""
    shared_tries: int = 0
    due_at: datetime | None = None
    not_after: datetime | None = None
    outcome: Outcome | None = None  # settled before it was ever sent: a fact that cannot be told


def add(connection_id: int, orders: Iterable[Order]) -> None:
    """Queue orders for one connection, inside the caller's transaction. What is queued already is left as it is.

    Raises RuntimeError outside a transaction: the fact and its message must be written together.
    """
    if not database.in_atomic_block:
        raise RuntimeError("outbox.add needs a transaction: the fact and its deliveries are one.")
    every = list(orders)
    for first in range(0, len(every), AT_ONCE):
        some = every[first : first + AT_ONCE]
        waiting = _touched(connection_id, [order for order in some if order.lane])
        _insert(connection_id, [order for order in some if order.lane not in waiting])
    wake_ups.on_commit(connection_id)


def _insert(connection_id: int, orders: Sequence[Order]) -> None:
    """All in one statement, as a host's transaction waits for it."""
    if not orders:
        return
    names = [name for name in GIVEN if name != "next_try_at"]
    columns = ", ".join([*names, "connection_id", "created_at", "next_try_at", "attempts_made", "crashes"])
    values = ", ".join(f"o.{name}" for name in names)
    now = NOW[database.vendor]  # by the database's clock, which the claims go by
    # ON CONFLICT DO NOTHING: https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
    statement = (
        f"INSERT INTO {Delivery._meta.db_table} ({columns}) "
        f"SELECT {values}, %s, %s, COALESCE(o.next_try_at, {now}), 0, 0 FROM {_rows(GIVEN)} WHERE true "
        "ON CONFLICT DO NOTHING"
    )
    with database.cursor() as cursor:
        cursor.execute(statement, [connection_id, _moment(timezone.now()), json.dumps([_row(one) for one in orders])])


def _touched(connection_id: int, orders: Sequence[Order]) -> set[str]:
    """Coalescing (see `Delivery`): the lanes where one waits. Writing to it keeps workers off until we commit."""
    if not orders:
        return set()
    deliveries, places = Delivery._meta.db_table, Place._meta.db_table
    waits = f"state IN ('{State.QUEUED}', '{State.HELD}')"
    statement = (
        f"UPDATE {deliveries} SET occurred_at = o.occurred_at "
        f"FROM {_rows({'lane': TEXT, 'occurred_at': TIME})} JOIN {places} AS p "
        "ON p.connection_id = %s AND p.lane = o.lane AND p.lane <> '' AND p.settled_at IS NULL "
        f"AND p.lane IN ({', '.join(['%s'] * len(orders))}) "  # by name, whatever statistics say of lanes
        f"WHERE {deliveries}.id = p.delivery_id AND {deliveries}.{waits} RETURNING {deliveries}.lane"
    )
    named = [{"lane": order.lane, "occurred_at": _moment(order.occurred_at)} for order in orders]
    with database.cursor() as cursor:
        cursor.execute(statement, [json.dumps(named), connection_id, *(order.lane for order in orders)])
        return {lane for (lane,) in cursor.fetchall()}


def _row(order: Order) -> dict[str, Any]:
    ended = order.outcome
    times = {"occurred_at": order.occurred_at, "not_after": order.not_after, "next_try_at": order.due_at}
    times |= {"settled_at": order.occurred_at if ended else None}
    row = {name: getattr(order, name) for name in GIVEN if name not in times and hasattr(order, name)}
    row |= {"state": ended.state if ended else State.QUEUED}
    row |= {"reason_code": ended.code if ended else "", "reason": ended.sentence if ended else ""}
    return row | {name: _moment(at) for name, at in times.items()}


def _rows(columns: Mapping[str, str]) -> str:
    """A table `o` of one parameter: a JSON list of objects with these columns, in their order."""
    if database.vendor == "postgresql":
        # https://www.postgresql.org/docs/current/functions-json.html
        return f"jsonb_to_recordset(%s::jsonb) AS o({', '.join(f'{name} {type}' for name, type in columns.items())})"
    # https://www.sqlite.org/json1.html#jeach
    read = ", ".join(f"json_extract(value, '$.{name}') AS {name}" for name in columns)
    return f"(SELECT {read} FROM json_each(%s)) AS o"


def _moment(at: datetime | None) -> str | None:
    return str(database.ops.adapt_datetimefield_value(at)) if at else None
