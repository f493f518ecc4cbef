"""Webhook deliveries: changes of people's consent as events, and which webhook is still to be told of each."""

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from klaviyo.sandbox.state import identifiers

MOST_ATTEMPTS = 4
MOST_IN_ONE_BODY = 1000


def record(
    sql: sqlite3.Connection, account: str, profile_id: str, topic: str, properties: Mapping[str, Any] | None = None
) -> str:
    """Keeps a change and puts it up for every enabled webhook of its topic; the id of its event."""
    made = identifiers.event()
    sql.execute(
        "INSERT INTO notices (id, uuid, account, profile, topic, time, properties) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (made, str(uuid.uuid4()), account, profile_id, topic, time.time(), json.dumps(dict(properties or {}))),
    )
    sql.execute(
        "INSERT INTO deliveries (webhook, notice) SELECT w.id, ?1 FROM webhooks w WHERE w.account = ?2 "
        "AND w.enabled AND EXISTS (SELECT 1 FROM json_each(w.topics) t WHERE t.value = ?3) ORDER BY w.seq",
        (made, account, topic),
    )
    return made


def waiting(sql: sqlite3.Connection) -> list[sqlite3.Row]:
    """One row per webhook that has something to tell: the webhook, since when, and the attempts made."""
    return sql.execute(
        "SELECT w.*, MIN(n.time) AS since, MAX(d.attempts) AS attempts FROM deliveries d "
        "JOIN webhooks w ON w.id = d.webhook JOIN notices n ON n.id = d.notice "
        "WHERE d.state = 'waiting' AND w.enabled GROUP BY w.seq ORDER BY w.seq"
    ).fetchall()


def for_webhook(sql: sqlite3.Connection, webhook_id: str) -> list[sqlite3.Row]:
    """What the next body to a webhook tells, oldest first."""
    return sql.execute(
        "SELECT n.*, d.seq AS delivery FROM deliveries d JOIN notices n ON n.id = d.notice "
        "WHERE d.state = 'waiting' AND d.webhook = ? ORDER BY d.seq LIMIT ?",
        (webhook_id, MOST_IN_ONE_BODY),
    ).fetchall()


def accepted(sql: sqlite3.Connection, deliveries: Iterable[int]) -> None:
    row = sql.execute("SELECT COALESCE(MAX(batch), 0) + 1 AS batch FROM deliveries").fetchone()
    sql.executemany(
        "UPDATE deliveries SET state = 'delivered', attempts = attempts + 1, batch = ? WHERE seq = ?",
        [(row["batch"], one) for one in deliveries],
    )


def failed(sql: sqlite3.Connection, deliveries: Iterable[int]) -> None:
    """One more attempt in vain; after the last one they are given up."""
    sql.executemany(
        "UPDATE deliveries SET attempts = attempts + 1, "
        "state = CASE WHEN attempts + 1 >= ? THEN 'given_up' ELSE 'waiting' END WHERE seq = ?",
        [(MOST_ATTEMPTS, one) for one in deliveries],
    )


def again(sql: sqlite3.Connection, account: str) -> int:
    """Puts up what the last accepted body to a webhook of the account told; how many changes that are."""
    return sql.execute(
        "UPDATE deliveries SET state = 'waiting', attempts = 0 WHERE batch = ("
        "SELECT MAX(d.batch) FROM deliveries d JOIN webhooks w ON w.id = d.webhook "
        "WHERE w.account = ? AND d.state = 'delivered') AND state = 'delivered'",
        (account,),
    ).rowcount


def of_profile(sql: sqlite3.Connection, profile_id: str) -> list[sqlite3.Row]:
    return sql.execute(
        "SELECT * FROM notices WHERE profile = ? ORDER BY time DESC, seq DESC LIMIT 200", (profile_id,)
    ).fetchall()
