"""Database URLs, such as postgres://user:password@host/name, read into Django's settings."""

import warnings
from typing import Any
from urllib.parse import unquote

import environ  # type: ignore[import-untyped]

from sorae import web_addresses

ENGINES = {"django.db.backends.postgresql", "django.db.backends.sqlite3"}
POSTGRESQL: dict[str, Any] = {
    "CONN_MAX_AGE": 60,
    "CONN_HEALTH_CHECKS": True,  # a connection that broke while idle is made anew
}
FLAGS = ("CONN_HEALTH_CHECKS", "DISABLE_SERVER_SIDE_CURSORS", "ATOMIC_REQUESTS", "AUTOCOMMIT")
SQLITE: dict[str, Any] = {
    "OPTIONS": {
        "timeout": 30,
        "transaction_mode": "IMMEDIATE",  # https://docs.djangoproject.com/en/5.2/ref/databases/#sqlite-transaction-behavior
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",  # https://www.sqlite.org/wal.html
    }
}


def read(address: str) -> dict[str, Any] | None:
    """Django's settings for it: PostgreSQL, or SQLite in write-ahead mode; None for what is no such address.

    What the address says itself counts: conn_max_age, and the options of the server's library.
    """
    try:
        with warnings.catch_warnings(action="ignore"):  # they would show the password
            parsed: dict[str, Any] = environ.Env.db_url_config(address)
    except (environ.ImproperlyConfigured, KeyError, ValueError):
        return None
    if parsed.get("ENGINE") not in ENGINES or not parsed.get("NAME"):
        return None
    ours = SQLITE if parsed["ENGINE"].endswith("sqlite3") else POSTGRESQL
    parsed["HOST"] = _host(str(parsed.get("HOST") or ""))
    return ours | parsed | {"OPTIONS": ours.get("OPTIONS", {}) | parsed.get("OPTIONS", {})}


def _host(told: str) -> str:
    """Names in ASCII, as libpq looks them up as they stand; or the folder of a socket, which an address has encoded.

    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS
    """
    host = unquote(told)
    return host if host.startswith("/") else ",".join(web_addresses.in_ascii(name) for name in host.split(","))


def wrong(settings: dict[str, Any]) -> tuple[str, str] | None:
    """Which of the options in an address has a value that it cannot have, and what to do; None where all is well."""
    age = settings.get("CONN_MAX_AGE")
    if age is not None and (isinstance(age, bool) or not isinstance(age, int) or age < 0):
        return "has a conn_max_age that is no number of seconds.", "Give one, such as conn_max_age=60, or leave it out."
    flags = [name for name in FLAGS if not isinstance(settings.get(name, False), bool | int)]
    if flags:
        return f"has {flags[0].lower()} that is neither True nor False.", "Write True or False, or leave it out."
    if settings["ENGINE"].endswith("sqlite3") and (unknown := set(settings["OPTIONS"]) - set(SQLITE["OPTIONS"])):
        return f"has an option that SQLite does not take: {min(unknown)[:40]}.", "Leave it out."
    if "pool" in settings["OPTIONS"]:  # https://docs.djangoproject.com/en/5.2/ref/databases/#connection-pool
        return "asks for a pool, which only another library than ours has.", "Leave out pool; conn_max_age counts."
    is_usual = settings["OPTIONS"].get("transaction_mode", "IMMEDIATE") == "IMMEDIATE"
    is_usual = is_usual and "isolation_level" not in settings["OPTIONS"]
    if settings.get("ATOMIC_REQUESTS") or not settings.get("AUTOCOMMIT", True) or not is_usual:
        hint = "Leave out atomic_requests, autocommit, isolation_level and transaction_mode."
        return "changes what a transaction is.", hint
    return None
