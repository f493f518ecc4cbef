"""Events and metrics as stored; the same event again is counted, not stored."""

import json
import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from klaviyo.sandbox.state import identifiers

_encode = json.JSONEncoder().encode


@dataclass(frozen=True)
class Event:
    """One event as a request tells it; `time` is in whole seconds."""

    metric: str
    time: int
    properties: dict[str, Any]
    unique_id: str | None = None
    value: float | None = None
    value_currency: str | None = None
    backfill: bool = False

    @property
    def key(self) -> str:
        """What makes it the same event as another of that person and metric."""
        return self.unique_id if self.unique_id is not None else str(self.time)


def record(sql: sqlite3.Connection, account: str, events: Iterable[tuple[str, Event]], delay: float = 0.0) -> None:
    """Stores events of profiles unless they have them; the first one wins, later ones only count."""
    at = time.time()
    readable_at = at + delay if delay else 0.0
    metrics: dict[str, str] = {}
    rows = []
    for profile_id, one in events:
        metric = metrics.get(one.metric) or metrics.setdefault(one.metric, metric_id(sql, account, one.metric))
        kept = {name: value for name, value in one.properties.items() if _worth_keeping(value)}
        rows.append(
            (
                identifiers.event(),
                identifiers.uuid4(),
                account,
                profile_id,
                metric,
                one.key,
                one.time,
                one.value,
                one.value_currency,
                _encode(kept),
                one.backfill,
                readable_at,
                at,
            )
        )
    sql.executemany(
        "INSERT INTO events (id, uuid, account, profile, metric, unique_id, time, value, value_currency, "
        "properties, backfill, readable_at, received_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (profile, metric, unique_id) DO UPDATE SET received = received + 1",
        rows,
    )


def is_known(sql: sqlite3.Connection, account: str, profile_id: str, event: Event) -> bool:
    row = sql.execute(
        "SELECT 1 FROM events e JOIN metrics m ON m.id = e.metric "
        "WHERE m.account = ? AND m.name = ? AND e.profile = ? AND e.unique_id = ?",
        (account, event.metric, profile_id, event.key),
    ).fetchone()
    return row is not None


def arrivals(sql: sqlite3.Connection, account: str) -> list[tuple[str, float]]:
    """Each event's unique_id and when it came first, in seconds since 1970, in the order of coming."""
    rows = sql.execute("SELECT unique_id, received_at FROM events WHERE account = ? ORDER BY seq", (account,))
    return [(row["unique_id"], row["received_at"]) for row in rows]


def metric_id(sql: sqlite3.Connection, account: str, name: str) -> str:
    """The metric of that name, made when nobody has named it before."""
    row = sql.execute("SELECT id FROM metrics WHERE account = ? AND name = ?", (account, name)).fetchone()
    if row is None:
        at = identifiers.now()
        made = identifiers.short()
        sql.execute(
            "INSERT INTO metrics (id, account, name, created, updated) VALUES (?, ?, ?, ?, ?)",
            (made, account, name, at, at),
        )
        return made
    return str(row["id"])


def count(sql: sqlite3.Connection, account: str) -> int:
    return int(sql.execute("SELECT COUNT(*) FROM events WHERE account = ?", (account,)).fetchone()[0])


def _worth_keeping(value: Any) -> bool:
    """Klaviyo does not keep a top-level 0, null or empty text of an event."""
    return value is not None and value != "" and (isinstance(value, bool) or value != 0)
