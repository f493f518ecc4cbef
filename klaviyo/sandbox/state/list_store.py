"""Lists and their members as stored."""

import sqlite3
from collections.abc import Iterable

from klaviyo.sandbox.state import identifiers


def create(sql: sqlite3.Connection, account: str, name: str, opt_in_process: str, list_id: str = "") -> str:
    list_id = list_id or identifiers.short()
    at = identifiers.instant()
    sql.execute(
        "INSERT INTO lists (id, account, name, opt_in_process, created, updated) VALUES (?, ?, ?, ?, ?, ?)",
        (list_id, account, name, opt_in_process, at, at),
    )
    return list_id


def get(sql: sqlite3.Connection, account: str, list_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM lists WHERE id = ? AND account = ?", (list_id, account)
    ).fetchone()
    return found


def add_members(sql: sqlite3.Connection, list_id: str, profile_ids: Iterable[str]) -> None:
    at = identifiers.now()
    sql.executemany(
        "INSERT OR IGNORE INTO members (list, profile, joined_at) VALUES (?, ?, ?)",
        [(list_id, one, at) for one in profile_ids],
    )


def join(sql: sqlite3.Connection, list_id: str, profile_id: str) -> str | None:
    """Puts one person onto a list; its id when they were not on it before."""
    if has_member(sql, list_id, profile_id):
        return None
    add_members(sql, list_id, [profile_id])
    return list_id


def remove_members(sql: sqlite3.Connection, list_id: str, profile_ids: Iterable[str]) -> None:
    sql.executemany("DELETE FROM members WHERE list = ? AND profile = ?", [(list_id, one) for one in profile_ids])


def has_member(sql: sqlite3.Connection, list_id: str, profile_id: str) -> bool:
    row = sql.execute("SELECT 1 FROM members WHERE list = ? AND profile = ?", (list_id, profile_id)).fetchone()
    return row is not None


def members(sql: sqlite3.Connection, list_id: str) -> list[str]:
    rows = sql.execute("SELECT profile FROM members WHERE list = ? ORDER BY seq", (list_id,))
    return [row["profile"] for row in rows]


def size(sql: sqlite3.Connection, list_id: str) -> int:
    return int(sql.execute("SELECT COUNT(*) FROM members WHERE list = ?", (list_id,)).fetchone()[0])


def of_profile(sql: sqlite3.Connection, profile_id: str) -> list[sqlite3.Row]:
    return sql.execute(
        "SELECT l.*, m.joined_at FROM lists l JOIN members m ON m.list = l.id WHERE m.profile = ? ORDER BY l.seq",
        (profile_id,),
    ).fetchall()
