"""Flows as stored."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.state import identifiers


def create(sql: sqlite3.Connection, account: str, name: str, trigger_type: str, definition: Mapping[str, Any]) -> str:
    made, at = identifiers.short(), identifiers.instant()
    sql.execute(
        "INSERT INTO flows (id, account, name, status, trigger_type, definition, created, updated) "
        "VALUES (?, ?, ?, 'draft', ?, ?, ?, ?)",
        (made, account, name, trigger_type, json.dumps(definition), at, at),
    )
    return made


def get(sql: sqlite3.Connection, account: str, flow_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM flows WHERE id = ? AND account = ?", (flow_id, account)
    ).fetchone()
    return found


def change(sql: sqlite3.Connection, flow_id: str, status: str, definition: Mapping[str, Any]) -> None:
    sql.execute(
        "UPDATE flows SET status = ?, definition = ?, updated = ? WHERE id = ?",
        (status, json.dumps(definition), identifiers.instant(), flow_id),
    )


def delete(sql: sqlite3.Connection, flow_id: str) -> None:
    sql.execute("DELETE FROM flows WHERE id = ?", (flow_id,))


def triggered_by(sql: sqlite3.Connection, account: str, kind: str, thing: str) -> list[sqlite3.Row]:
    """The flows that a metric, a list or a segment starts."""
    return sql.execute(
        "SELECT f.* FROM flows f WHERE f.account = ? AND EXISTS ("
        "SELECT 1 FROM json_each(f.definition, '$.triggers') t "
        "WHERE json_extract(t.value, '$.type') = ? AND json_extract(t.value, '$.id') = ?) ORDER BY f.seq",
        (account, kind, thing),
    ).fetchall()


def uses(sql: sqlite3.Connection, account: str, template_id: str) -> bool:
    """Whether a message of a flow is made of a template."""
    row = sql.execute(
        "SELECT 1 FROM flows f, json_each(f.definition, '$.actions') a "
        "WHERE f.account = ? AND json_extract(a.value, '$.data.message.template_id') = ?",
        (account, template_id),
    ).fetchone()
    return row is not None
