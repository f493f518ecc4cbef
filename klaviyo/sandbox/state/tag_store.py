"""Tags as stored, and the campaigns, flows, lists and segments that bear them."""

import sqlite3

from klaviyo.sandbox.state import identifiers

TABLES = {"campaign": "campaigns", "flow": "flows", "list": "lists", "segment": "segments"}


def default_group(sql: sqlite3.Connection, account: str) -> str:
    """The group of tags for which none was named; each account has one."""
    row = sql.execute("SELECT id FROM tag_groups WHERE account = ? AND is_default", (account,)).fetchone()
    if row:
        return str(row["id"])
    made = identifiers.uuid4()
    sql.execute(
        "INSERT INTO tag_groups (id, account, name, is_default) VALUES (?, ?, 'Default Tag Group', 1)", (made, account)
    )
    return made


def group(sql: sqlite3.Connection, account: str, group_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM tag_groups WHERE id = ? AND account = ?", (group_id, account)
    ).fetchone()
    return found


def create(sql: sqlite3.Connection, account: str, name: str, group_id: str) -> str:
    made = identifiers.uuid4()
    sql.execute("INSERT INTO tags (id, account, name, tag_group) VALUES (?, ?, ?, ?)", (made, account, name, group_id))
    return made


def get(sql: sqlite3.Connection, account: str, tag_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM tags WHERE id = ? AND account = ?", (tag_id, account)
    ).fetchone()
    return found


def by_name(sql: sqlite3.Connection, account: str, name: str) -> str | None:
    row = sql.execute("SELECT id FROM tags WHERE account = ? AND name = ?", (account, name)).fetchone()
    return row["id"] if row else None


def rename(sql: sqlite3.Connection, tag_id: str, name: str) -> None:
    sql.execute("UPDATE tags SET name = ? WHERE id = ?", (name, tag_id))


def count(sql: sqlite3.Connection, account: str) -> int:
    return int(sql.execute("SELECT COUNT(*) FROM tags WHERE account = ?", (account,)).fetchone()[0])


def delete(sql: sqlite3.Connection, tag_id: str) -> None:
    sql.execute("DELETE FROM tags WHERE id = ?", (tag_id,))


def exists(sql: sqlite3.Connection, account: str, kind: str, thing: str) -> bool:
    """Whether the account has such a thing."""
    row = sql.execute(
        f"SELECT 1 FROM {TABLES[kind]} WHERE id = ? AND account = ?",  # noqa: S608 - one of TABLES
        (thing, account),
    ).fetchone()
    return row is not None


def put(sql: sqlite3.Connection, tag_id: str, kind: str, thing: str) -> None:
    sql.execute("INSERT OR IGNORE INTO tagged (tag, kind, thing) VALUES (?, ?, ?)", (tag_id, kind, thing))


def remove(sql: sqlite3.Connection, tag_id: str, kind: str, thing: str) -> None:
    sql.execute("DELETE FROM tagged WHERE tag = ? AND kind = ? AND thing = ?", (tag_id, kind, thing))


def of_thing(sql: sqlite3.Connection, kind: str, thing: str) -> list[sqlite3.Row]:
    return sql.execute(
        "SELECT t.* FROM tags t JOIN tagged g ON g.tag = t.id WHERE g.kind = ? AND g.thing = ? ORDER BY g.seq",
        (kind, thing),
    ).fetchall()


def things(sql: sqlite3.Connection, tag_id: str, kind: str) -> list[str]:
    """What bears a tag and is still there."""
    rows = sql.execute(
        f"SELECT g.thing FROM tagged g JOIN {TABLES[kind]} x ON x.id = g.thing "  # noqa: S608 - one of TABLES
        "WHERE g.tag = ? AND g.kind = ? ORDER BY g.seq",
        (tag_id, kind),
    )
    return [row["thing"] for row in rows]
