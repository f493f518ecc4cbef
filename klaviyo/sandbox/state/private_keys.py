"""Private API keys of an account, with their scopes; only digests are kept."""

import hashlib
import secrets
import sqlite3

from klaviyo.sandbox.state import identifiers
from klaviyo.sandbox.state.token_store import Access


def make(sql: sqlite3.Connection, account: str, scopes: str | None) -> str:
    """A new key, told this once; without scopes it may do everything."""
    key = f"pk_{secrets.token_hex(17)}"
    sql.execute(
        "INSERT INTO private_keys (digest, account, scopes, made_at) VALUES (?, ?, ?, ?)",
        (_digest(key), account, scopes, identifiers.now()),
    )
    return key


def revoke(sql: sqlite3.Connection, account: str, key: str) -> bool:
    """Whether there was such a key."""
    digest = _digest(key)
    return sql.execute("DELETE FROM private_keys WHERE digest = ? AND account = ?", (digest, account)).rowcount > 0


def revoke_by_number(sql: sqlite3.Connection, account: str, number: int) -> bool:
    return sql.execute("DELETE FROM private_keys WHERE seq = ? AND account = ?", (number, account)).rowcount > 0


def of_account(sql: sqlite3.Connection, account: str) -> list[sqlite3.Row]:
    return sql.execute("SELECT * FROM private_keys WHERE account = ? ORDER BY seq", (account,)).fetchall()


def access(sql: sqlite3.Connection, key: str, every_scope: frozenset[str]) -> Access | None:
    row = sql.execute("SELECT account, scopes FROM private_keys WHERE digest = ?", (_digest(key),)).fetchone()
    if row is None:
        return None
    scopes = every_scope if row["scopes"] is None else frozenset(row["scopes"].split())
    return Access(row["account"], scopes, is_key=True)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
