"""Queues deliveries in the transaction of the fact that they tell of: the outbox pattern's first half."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.utils import timezone

from integrations import packing
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
_AS_TEXT = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode  # no database takes NaN as JSON


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
        if any(order.lane for order in some):
            _touch_or_insert(connection_id, some)
        else:
            _insert(connection_id, some)
    wake_ups.on_commit(connection_id)


def _touch_or_insert(connection_id: int, orders: Sequence[Order]) -> None:
    """What waits in a lane stands for what would be added to it; on PostgreSQL in one statement with the rest."""
    lanes = list({order.lane for order in orders if order.lane})
    if database.vendor == "postgresql":
        rows = f"orders AS MATERIALIZED (SELECT * FROM {_rows(GIVEN)})"
        # The second is done with what the first has returned:
        # https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING
        statement = (
            f"WITH {rows}, touched AS ({_touching('orders AS o', len(lanes))}) "
            f"{_inserting('orders AS o', 'o.lane NOT IN (SELECT lane FROM touched)')}"
        )
        _do(statement, [_as_json(orders), connection_id, *lanes, *_values(connection_id)])
        return
    in_lanes = _as_json([order for order in orders if order.lane])
    touching = f"WITH orders AS (SELECT * FROM {_rows(GIVEN)}) {_touching('orders AS o', len(lanes))}"
    waiting = {lane for (lane,) in _do(touching, [in_lanes, connection_id, *lanes])}
    _insert(connection_id, [order for order in orders if order.lane not in waiting])


def _insert(connection_id: int, orders: Sequence[Order]) -> None:
    """All in one statement, as a host's transaction waits for it."""
    if orders:
        _do(_inserting(_rows(GIVEN), "true"), [*_values(connection_id), _as_json(orders)])


def _inserting(source: str, condition: str) -> str:
    names = [name for name in GIVEN if name != "next_try_at"]
    columns = ", ".join([*names, "connection_id", "created_at", "next_try_at", "attempts_made", "crashes"])
    values = ", ".join(f"o.{name}" for name in names)
    now = NOW[database.vendor]  # by the database's clock, which the claims go by
    # ON CONFLICT DO NOTHING: https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
    return (
        f"INSERT INTO {Delivery._meta.db_table} ({columns}) "
        f"SELECT {values}, %s, %s, COALESCE(o.next_try_at, {now}), 0, 0 FROM {source} WHERE {condition} "
        "ON CONFLICT DO NOTHING"
    )


def _values(connection_id: int) -> list[Any]:
    return [connection_id, _moment(timezone.now())]


def _touching(source: str, lanes: int) -> str:
    """Coalescing (see `Delivery`): where one waits in the lane. Writing to it keeps workers off until we commit."""
    deliveries, places = Delivery._meta.db_table, Place._meta.db_table
    return (
        f"UPDATE {deliveries} SET occurred_at = o.occurred_at FROM {source} JOIN {places} AS p "
        "ON p.connection_id = %s AND p.lane = o.lane AND p.lane <> '' AND p.settled_at IS NULL "
        f"AND p.lane IN ({', '.join(['%s'] * lanes)}) "  # by name, whatever statistics say of lanes
        f"WHERE {deliveries}.id = p.delivery_id AND {deliveries}.state IN ('{State.QUEUED}', '{State.HELD}') "
        f"RETURNING {deliveries}.lane"
    )


def _do(statement: str, values: Sequence[Any]) -> list[Any]:
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall()) if cursor.description else []


def _as_json(orders: Sequence[Order]) -> str:
    return _AS_TEXT([_row(order) for order in orders])


def _row(order: Order) -> dict[str, Any]:
    ended = order.outcome
    return {
        "kind": order.kind,
        "key": order.key,
        "lane": order.lane,
        "source": order.source,
        "subject": order.subject,
        "body": packing.stored(order.body),
        "options": order.options,
        "warnings": order.warnings,
        "state": ended.state if ended else State.QUEUED.value,
        "reason_code": ended.code if ended else "",
        "reason": ended.sentence if ended else "",
        "occurred_at": _moment(order.occurred_at),
        "not_after": _moment(order.not_after),
        "next_try_at": _moment(order.due_at),
        "settled_at": _moment(order.occurred_at) if ended else None,
        "shared_tries": order.shared_tries,
    }


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
