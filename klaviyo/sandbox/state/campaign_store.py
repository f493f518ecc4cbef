"""Campaigns and their messages as stored."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any

from klaviyo.sandbox.state import identifiers

JSON = ("audiences", "send_options", "tracking_options", "send_strategy", "recipients")


def create(sql: sqlite3.Connection, account: str, channel: str, attributes: Mapping[str, Any]) -> str:
    made = identifiers.ulid()
    at = identifiers.instant()
    names = ("audiences", "send_options", "tracking_options", "send_strategy")
    sql.execute(
        "INSERT INTO campaigns (id, account, channel, name, audiences, send_options, tracking_options, "
        "send_strategy, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (made, account, channel, attributes["name"], *(json.dumps(attributes[name]) for name in names), at, at),
    )
    return made


def change(sql: sqlite3.Connection, campaign_id: str, **said: Any) -> None:
    """Sets these columns; what is stored as JSON is given as it is."""
    values = {name: json.dumps(value) if name in JSON else value for name, value in said.items()}
    values.setdefault("updated_at", identifiers.instant())
    names = ", ".join(f"{name} = ?" for name in values)
    sql.execute(f"UPDATE campaigns SET {names} WHERE id = ?", (*values.values(), campaign_id))  # noqa: S608 - own names


def get(sql: sqlite3.Connection, account: str, campaign_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM campaigns WHERE id = ? AND account = ?", (campaign_id, account)
    ).fetchone()
    return found


def of_account(sql: sqlite3.Connection, account: str) -> list[sqlite3.Row]:
    return sql.execute("SELECT * FROM campaigns WHERE account = ? ORDER BY seq", (account,)).fetchall()


def under_way(sql: sqlite3.Connection, account: str) -> list[sqlite3.Row]:
    """Those that are scheduled or being sent."""
    return sql.execute(
        "SELECT * FROM campaigns WHERE account = ? AND begins_at IS NOT NULL ORDER BY seq", (account,)
    ).fetchall()


def delete(sql: sqlite3.Connection, campaign_id: str) -> None:
    sql.execute("DELETE FROM campaigns WHERE id = ?", (campaign_id,))


def add_message(sql: sqlite3.Connection, campaign_id: str, definition: Any, image: str | None) -> str:
    made = identifiers.ulid()
    at = identifiers.instant()
    sql.execute(
        "INSERT INTO campaign_messages (id, campaign, definition, image, created_at, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (made, campaign_id, json.dumps(definition), image, at, at),
    )
    return made


def change_message(sql: sqlite3.Connection, message_id: str, definition: Any, image: str | None) -> None:
    sql.execute(
        "UPDATE campaign_messages SET definition = ?, image = ?, updated_at = ? WHERE id = ?",
        (json.dumps(definition), image, identifiers.instant(), message_id),
    )


def message(sql: sqlite3.Connection, account: str, message_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT m.*, c.status, c.name AS campaign_name FROM campaign_messages m JOIN campaigns c ON c.id = m.campaign "
        "WHERE m.id = ? AND c.account = ?",
        (message_id, account),
    ).fetchone()
    return found


def messages(sql: sqlite3.Connection, campaign_id: str) -> list[sqlite3.Row]:
    return sql.execute(
        "SELECT m.*, c.status, c.name AS campaign_name FROM campaign_messages m JOIN campaigns c ON c.id = m.campaign "
        "WHERE m.campaign = ? ORDER BY m.seq",
        (campaign_id,),
    ).fetchall()


def unknown_audiences(sql: sqlite3.Connection, account: str, ids: Iterable[str]) -> set[str]:
    """Those that are neither a list nor a segment of the account."""
    known = sql.execute(
        "SELECT id FROM lists WHERE account = ?1 UNION ALL SELECT id FROM segments WHERE account = ?1", (account,)
    )
    return set(ids) - {row["id"] for row in known}
