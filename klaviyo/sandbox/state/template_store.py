"""Templates as stored; one that belongs to a campaign message is a private copy."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.state import identifiers

CHANGING = ("name", "html", "text", "amp", "definition")


def create(sql: sqlite3.Connection, account: str, attributes: Mapping[str, Any], message: str | None = None) -> str:
    made = identifiers.short()
    at = identifiers.instant()
    definition = attributes.get("definition")
    sql.execute(
        "INSERT INTO templates (id, account, name, editor_type, html, text, amp, definition, message, "
        "created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            made,
            account,
            attributes["name"],
            attributes["editor_type"],
            attributes["html"],
            attributes.get("text"),
            attributes.get("amp"),
            None if definition is None else json.dumps(definition),
            message,
            at,
            at,
        ),
    )
    return made


def copy(sql: sqlite3.Connection, row: sqlite3.Row, name: str, message: str | None = None) -> str:
    definition = json.loads(row["definition"]) if row["definition"] else None
    attributes = {**dict(row), "name": name, "definition": definition}
    return create(sql, row["account"], attributes, message)


def change(sql: sqlite3.Connection, template_id: str, attributes: Mapping[str, Any]) -> None:
    """Applies what is not null."""
    said = {name: value for name, value in attributes.items() if name in CHANGING and value is not None}
    if "definition" in said:
        said["definition"] = json.dumps(said["definition"])
    said["updated"] = identifiers.instant()
    names = ", ".join(f"{name} = ?" for name in said)
    sql.execute(f"UPDATE templates SET {names} WHERE id = ?", (*said.values(), template_id))  # noqa: S608 - own names


def get(sql: sqlite3.Connection, account: str, template_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM templates WHERE id = ? AND account = ?", (template_id, account)
    ).fetchone()
    return found


def of_message(sql: sqlite3.Connection, message_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute("SELECT * FROM templates WHERE message = ?", (message_id,)).fetchone()
    return found


def of_account(sql: sqlite3.Connection, account: str) -> list[sqlite3.Row]:
    return sql.execute(
        "SELECT * FROM templates WHERE account = ? AND message IS NULL ORDER BY seq", (account,)
    ).fetchall()


def count(sql: sqlite3.Connection, account: str) -> int:
    row = sql.execute("SELECT COUNT(*) FROM templates WHERE account = ? AND message IS NULL", (account,)).fetchone()
    return int(row[0])


def delete(sql: sqlite3.Connection, template_id: str) -> None:
    sql.execute("DELETE FROM templates WHERE id = ?", (template_id,))
