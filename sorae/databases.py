"""Database URLs, such as postgres://user:password@host/name, read into Django's settings."""

import warnings
from typing import Any

import environ  # type: ignore[import-untyped]

ENGINES = {"django.db.backends.postgresql", "django.db.backends.sqlite3"}
POSTGRESQL = {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}  # a connection that broke while idle is made anew
SQLITE = {
    "OPTIONS": {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",  # https://docs.djangoproject.com/en/5.2/ref/databases/#sqlite-transaction-behavior
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",  # https://www.sqlite.org/wal.html
    }
}


def read(address: str) -> dict[str, Any] | None:
    """Django's settings for it: PostgreSQL, or SQLite in write-ahead mode; None for what is no such address."""
    try:
        with warnings.catch_warnings(action="ignore"):  # they would show the password
            parsed: dict[str, Any] = environ.Env.db_url_config(address)
    except (environ.ImproperlyConfigured, KeyError, ValueError):
        return None
    if parsed.get("ENGINE") not in ENGINES or not parsed.get("NAME"):
        return None
    return parsed | (SQLITE if parsed["ENGINE"].endswith("sqlite3") else POSTGRESQL)
