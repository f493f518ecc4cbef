"""Webhooks as stored: where an account's changes are told, and with which secret they are signed."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from klaviyo.sandbox.state import identifiers

COLUMNS = ("name", "description", "endpoint_url", "secret_key", "enabled")


def create(sql: sqlite3.Connection, account: str, attributes: Mapping[str, Any], topics: Iterable[str]) -> str:
    made = identifiers.ulid()
    at = identifiers.instant()
    sql.execute(
        "INSERT INTO webhooks (id, account, name, description, endpoint_url, secret_key, topics, created, updated) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            made,
            account,
            attributes["name"],
            attributes.get("description"),
            attributes["endpoint_url"],
            attributes["secret_key"],
            json.dumps(list(topics)),
            at,
            at,
        ),
    )
    return made


def change(
    sql: sqlite3.Connection, webhook_id: str, attributes: Mapping[str, Any], topics: Iterable[str] | None
) -> None:
    """Applies what is not null; `topics` replaces them all, None leaves them."""
    said = {name: value for name, value in attributes.items() if name in COLUMNS and value is not None}
    if topics is not None:
        said["topics"] = json.dumps(list(topics))
    said["updated"] = identifiers.instant()
    names = ", ".join(f"{name} = ?" for name in said)
    sql.execute(f"UPDATE webhooks SET {names} WHERE id = ?", (*said.values(), webhook_id))  # noqa: S608 - own names


def get(sql: sqlite3.Connection, account: str, webhook_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM webhooks WHERE id = ? AND account = ?", (webhook_id, account)
    ).fetchone()
    return found


def of_account(sql: sqlite3.Connection, account: str) -> list[sqlite3.Row]:
    return sql.execute("SELECT * FROM webhooks WHERE account = ? ORDER BY seq", (account,)).fetchall()


def delete(sql: sqlite3.Connection, webhook_id: str) -> None:
    sql.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))
