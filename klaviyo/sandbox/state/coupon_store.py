"""Coupons and their codes as stored; a code goes to a person when a message that names its coupon is sent."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from klaviyo.sandbox.state import identifiers

_YEAR = timedelta(days=365)


def create(sql: sqlite3.Connection, account: str, attributes: Mapping[str, Any]) -> None:
    sql.execute(
        "INSERT INTO coupons (id, account, description, monitor_configuration) VALUES (?, ?, ?, ?)",
        (
            attributes["external_id"],
            account,
            attributes.get("description"),
            json.dumps(attributes.get("monitor_configuration")),
        ),
    )


def change(sql: sqlite3.Connection, account: str, coupon_id: str, attributes: Mapping[str, Any]) -> None:
    """Applies what is given; null clears."""
    for name, value in attributes.items():
        stored = json.dumps(value) if name == "monitor_configuration" else value
        sql.execute(
            f"UPDATE coupons SET {name} = ? WHERE id = ? AND account = ?",  # noqa: S608 - a name of the shape's
            (stored, coupon_id, account),
        )


def get(sql: sqlite3.Connection, account: str, coupon_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM coupons WHERE id = ? AND account = ?", (coupon_id, account)
    ).fetchone()
    return found


def delete(sql: sqlite3.Connection, account: str, coupon_id: str) -> None:
    sql.execute("DELETE FROM coupons WHERE id = ? AND account = ?", (coupon_id, account))


def add_code(
    sql: sqlite3.Connection, account: str, coupon_id: str, unique_code: str, expires_at: str | None, job: str | None
) -> str | None:
    """The new code's id, or None where there is such a code already; without a date it lives for a year."""
    made = code_id(coupon_id, unique_code)
    at = identifiers.parsed(expires_at) if expires_at else datetime.now(UTC) + _YEAR
    added = sql.execute(
        "INSERT OR IGNORE INTO coupon_codes (id, account, coupon, unique_code, expires_at, job) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (made, account, coupon_id, unique_code, identifiers.moment(at), job),
    )
    return made if added.rowcount else None


def code_id(coupon_id: str, unique_code: str) -> str:
    return f"{coupon_id}-{unique_code}"


def change_code(sql: sqlite3.Connection, seq: int, status: str | None, expires_at: str | None) -> None:
    """Applies what is not null."""
    at = identifiers.moment(identifiers.parsed(expires_at)) if expires_at else None
    sql.execute(
        "UPDATE coupon_codes SET status = COALESCE(?, status), expires_at = COALESCE(?, expires_at) WHERE seq = ?",
        (status, at, seq),
    )


def code(sql: sqlite3.Connection, account: str, code_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT * FROM coupon_codes WHERE id = ? AND account = ?", (code_id, account)
    ).fetchone()
    return found


def of_job(sql: sqlite3.Connection, job_id: str) -> list[sqlite3.Row]:
    return sql.execute("SELECT * FROM coupon_codes WHERE job = ? ORDER BY seq", (job_id,)).fetchall()


def of_account(sql: sqlite3.Connection, account: str) -> list[sqlite3.Row]:
    return sql.execute("SELECT * FROM coupon_codes WHERE account = ? ORDER BY seq", (account,)).fetchall()


def delete_code(sql: sqlite3.Connection, seq: int) -> None:
    sql.execute("DELETE FROM coupon_codes WHERE seq = ?", (seq,))


def assign(sql: sqlite3.Connection, account: str, coupon_id: str, profile_ids: Iterable[str]) -> None:
    """Gives each of these people a code that is free, as long as there are some."""
    people = list(profile_ids)
    free = sql.execute(
        "SELECT seq FROM coupon_codes WHERE account = ? AND coupon = ? AND status = 'UNASSIGNED' AND expires_at > ? "
        "ORDER BY seq LIMIT ?",
        (account, coupon_id, identifiers.now(), len(people)),
    ).fetchall()
    sql.executemany(
        "UPDATE coupon_codes SET status = 'ASSIGNED_TO_PROFILE', profile = ? WHERE seq = ?",
        [(profile, row["seq"]) for profile, row in zip(people, free, strict=False)],
    )
