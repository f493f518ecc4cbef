"""Reads the environment: NAME, or NAME_FILE for a file that holds it. What is wrong is kept for the checks."""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ  # type: ignore[import-untyped]
from django.core import checks

LOOPBACK = {"localhost", "127.0.0.1", "::1"}

_problems: list[checks.Error] = []
_env = environ.FileAwareEnv()


def problem(name: str, sentence: str, hint: str) -> None:
    """Remember that a setting is wrong; `manage.py check` shows it, and no server starts with it."""
    _problems.append(checks.Error(f"{name} {sentence}", hint=hint, id=f"sorae.{name}"))


def text(name: str, default: str = "") -> str:
    try:
        return str(_env.str(name, default=default)).strip()
    except (OSError, UnicodeDecodeError):
        problem(f"{name}_FILE", "names a file that cannot be read.", "Check the path and its permissions.")
        return default


def flag(name: str) -> bool:
    return text(name).lower() in {"1", "true", "yes", "on"}


def required(name: str, hint: str) -> str:
    value = text(name)
    if not value:
        problem(name, "is not set.", hint)
    return value


def secret_key() -> str:
    """Django's key; where it is missing, a key for this process alone, so that the check can be shown."""
    value = required("SECRET_KEY", "Set it to 50 or more random characters, and keep it out of the repository.")
    return value or secrets.token_urlsafe(50)


def url(name: str, default: str) -> str:
    """An address without its trailing slash: https, or plain http on this machine only."""
    value = text(name, default).rstrip("/")
    try:
        parts = urlsplit(value)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not host:
        problem(name, "is not an address.", "Give scheme and host, for example https://referrals.example.com")
        return default
    if parts.scheme == "http" and host not in LOOPBACK:
        problem(name, "is plain http.", "Use https; plain http is accepted for localhost only.")
    return value


def database(name: str, default: str) -> dict[str, Any]:
    """Django's settings for a database address: PostgreSQL, or SQLite in write-ahead mode."""
    try:
        parsed: dict[str, Any] = environ.Env.db_url_config(text(name, default) or default)
        engine = parsed["ENGINE"]
    except (environ.ImproperlyConfigured, KeyError, ValueError):
        problem(name, "is not a database address.", "For example postgres://user:password@host:5432/sorae")
        parsed = environ.Env.db_url_config(default)
        engine = parsed["ENGINE"]
    if engine.endswith("sqlite3"):
        if parsed["NAME"] != ":memory:":
            Path(parsed["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        parsed["OPTIONS"] = {
            "timeout": 30,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    else:
        parsed |= {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
    return parsed


def shown(**_kwargs: Any) -> list[checks.CheckMessage]:
    """The system check: every setting that is missing or malformed, each with what to do."""
    return list(_problems)


def refuse_if_broken() -> None:
    """End the process with plain sentences when a setting is wrong."""
    errors = [message for message in checks.run_checks() if message.level >= checks.ERROR]
    if errors:
        raise SystemExit("\n".join(f"{error.msg} {error.hint or ''}".strip() for error in errors))
