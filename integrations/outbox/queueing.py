"""Queues deliveries in the transaction of the fact that they tell of: the outbox pattern's first half."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection as database
from django.db.models.functions import Now

from integrations.models import Delivery
from integrations.outbox import wake_ups
from integrations.outcomes import Outcome

State = Delivery.State

TOUCH = (
    f"UPDATE {Delivery._meta.db_table} SET occurred_at = %s "
    "WHERE connection_id = %s AND lane = %s AND state IN (%s, %s)"
)


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
    fresh = [_row(connection_id, order) for order in orders if not (order.lane and _touch(connection_id, order))]
    # ON CONFLICT DO NOTHING: https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
    Delivery.objects.bulk_create(fresh, ignore_conflicts=True)
    wake_ups.on_commit(connection_id)


def _row(connection_id: int, order: Order) -> Delivery:
    row = Delivery(
        connection_id=connection_id,
        kind=order.kind,
        key=order.key,
        lane=order.lane,
        source=order.source,
        subject=order.subject,
        body=order.body,
        options=order.options,
        warnings=order.warnings,
        shared_tries=order.shared_tries,
        occurred_at=order.occurred_at,
        not_after=order.not_after,
    )
    row.next_try_at = order.due_at or Now()  # by the database's clock, which the claims go by
    if order.outcome:
        row.state, row.settled_at = order.outcome.state, order.occurred_at
        row.reason_code, row.reason = order.outcome.code, order.outcome.sentence
    return row


def _touch(connection_id: int, order: Order) -> bool:
    """Coalescing (see `Delivery`): whether one waits in the lane. Writing to it keeps workers off until we commit.

    A host's transaction waits for this, and it takes half as long in SQL.
    """
    occurred_at = database.ops.adapt_datetimefield_value(order.occurred_at)
    with database.cursor() as cursor:
        cursor.execute(TOUCH, [occurred_at, connection_id, order.lane, State.QUEUED, State.HELD])
        return bool(cursor.rowcount)
