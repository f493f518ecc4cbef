"""Images as stored: what is told of them, and a digest instead of the bytes."""

import hashlib
import sqlite3
from itertools import count

from klaviyo.sandbox.state import identifiers


def add(sql: sqlite3.Connection, account: str, name: str, kind: str, content: bytes, *, hidden: bool) -> int:
    """Its id; a name that is taken gets a suffix."""
    address = f"https://images.klaviyo.example/company/{account}/images/{identifiers.uuid4()}.{kind}"
    added = sql.execute(
        "INSERT INTO images (account, name, image_url, format, size, digest, hidden, updated_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            account,
            _free(sql, account, name),
            address,
            kind,
            len(content),
            hashlib.sha256(content).hexdigest() if content else "",
            hidden,
            identifiers.instant(),
        ),
    )
    return int(added.lastrowid or 0)


def replace(sql: sqlite3.Connection, image_id: int, name: str | None, *, hidden: bool) -> None:
    sql.execute(
        "UPDATE images SET name = ?, hidden = ?, updated_at = ? WHERE seq = ?",
        (name, hidden, identifiers.instant(), image_id),
    )


def get(sql: sqlite3.Connection, account: str, image_id: str) -> sqlite3.Row | None:
    if not (image_id.isascii() and image_id.isdecimal() and len(image_id) < 19):
        return None
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM images WHERE seq = ? AND account = ?", (int(image_id), account)
    ).fetchone()
    return found


def of_account(sql: sqlite3.Connection, account: str) -> list[sqlite3.Row]:
    return sql.execute("SELECT * FROM images WHERE account = ? ORDER BY seq", (account,)).fetchall()


def _free(sql: sqlite3.Connection, account: str, name: str) -> str:
    taken = {row["name"] for row in sql.execute("SELECT name FROM images WHERE account = ?", (account,))}
    if name not in taken:
        return name
    return next(one for number in count(1) if (one := f"{name}_{number}") not in taken)
