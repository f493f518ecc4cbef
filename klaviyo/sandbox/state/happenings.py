"""Events and metrics; the same event again is counted, not stored."""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from dataclasses import dataclass
from typing import Any

from klaviyo.sandbox.state import identifiers


@dataclass(frozen=True)
class Happening:
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


def record(sql: sqlite3.Connection, account: str, profile_id: str, happening: Happening, delay: float = 0.0) -> None:
    """Stores an event unless the person has it; the first one wins, later ones only count."""
    kept = {name: value for name, value in happening.properties.items() if _worth_keeping(value)}
    sql.execute(
        "INSERT INTO events (id, uuid, account, profile, metric, unique_id, time, value, value_currency, "
        "properties, backfill, readable_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (profile, metric, unique_id) DO UPDATE SET received = received + 1",
        (identifiers.event(), str(uuid.uuid4()), account, profile_id, metric_id(sql, account, happening.metric),
         happening.key, happening.time, happening.value, happening.value_currency, json.dumps(kept),
         happening.backfill, time.time() + delay if delay else 0.0),
    )  # fmt: skip
    at = identifiers.moment(identifiers.from_timestamp(happening.time))
    sql.execute(
        "UPDATE profiles SET last_event_date = ?1 WHERE id = ?2 AND COALESCE(last_event_date, '') < ?1",
        (at, profile_id),
    )


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
