"""OAuth installs with their codes and tokens; only digests are kept."""

import base64
import hashlib
import json
import secrets
import sqlite3
import time
from dataclasses import dataclass

from klaviyo.sandbox.state import identifiers

CODE_SECONDS = 300


@dataclass(frozen=True)
class Access:
    """The account of a bearer token or a private key, and its scopes."""

    account: str
    scopes: frozenset[str]
    is_key: bool = False

    @property
    def quota(self) -> str:
        """Whose limits it spends: all keys of an account share one quota, an app has its own for each account.

        https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
        """
        return f"{self.account} keys" if self.is_key else self.account


@dataclass(frozen=True)
class Code:
    """An authorization code's conditions, as they were at the consent screen."""

    account: str
    client_id: str
    redirect_uri: str
    challenge: str
    scopes: str


@dataclass(frozen=True)
class Tokens:
    """What the token endpoint answers with."""

    access_token: str
    refresh_token: str
    scope: str
    expires_in: int


def give_code(sql: sqlite3.Connection, code: Code) -> str:
    text = secrets.token_urlsafe(32)
    sql.execute(
        "INSERT INTO codes (digest, account, client_id, redirect_uri, challenge, scopes, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            _digest(text),
            code.account,
            code.client_id,
            code.redirect_uri,
            code.challenge,
            code.scopes,
            time.time() + CODE_SECONDS,
        ),
    )
    return text


def use_code(sql: sqlite3.Connection, text: str) -> Code | None:
    """The code's conditions, once; None when it is unknown, used or too old."""
    row = sql.execute(
        "UPDATE codes SET used = 1 WHERE digest = ? AND used = 0 AND expires_at > ? RETURNING *",
        (_digest(text), time.time()),
    ).fetchone()
    if row is None:
        return None
    return Code(row["account"], row["client_id"], row["redirect_uri"], row["challenge"], row["scopes"])


def install(sql: sqlite3.Connection, account: str, client_id: str, scopes: str, seconds: int) -> Tokens:
    """Installs the app for an account, or adds tokens to the install that it has already."""
    sql.execute(
        "INSERT OR IGNORE INTO installs (account, client_id, installed_at) VALUES (?, ?, ?)",
        (account, client_id, identifiers.now()),
    )
    row = sql.execute("SELECT id FROM installs WHERE account = ? AND client_id = ?", (account, client_id)).fetchone()
    refresh = _new_refresh_token(sql, row["id"], scopes)
    return Tokens(_new_access_token(sql, row["id"], account, scopes, seconds), refresh, scopes, seconds)


def renew(sql: sqlite3.Connection, refresh_token: str, client_id: str, seconds: int, *, rotate: bool) -> Tokens | None:
    """New access for a refresh token; a replaced token that comes again ends the whole install."""
    row = _refresh_row(sql, refresh_token, client_id)
    if row is None:
        return None
    if row["replaced"]:
        _uninstall(sql, row["install"])
        return None
    if rotate:
        sql.execute("UPDATE refresh_tokens SET replaced = 1 WHERE digest = ?", (_digest(refresh_token),))
        refresh_token = _new_refresh_token(sql, row["install"], row["scopes"])
    access = _new_access_token(sql, row["install"], row["account"], row["scopes"], seconds)
    return Tokens(access, refresh_token, row["scopes"], seconds)


def revoke(sql: sqlite3.Connection, token: str, client_id: str) -> str | None:
    """Ends the install that a refresh or access token belongs to; answers with its account."""
    row = (
        _refresh_row(sql, token, client_id)
        or sql.execute(
            "SELECT t.install, i.account FROM access_tokens t JOIN installs i ON i.id = t.install "
            "WHERE t.digest = ? AND i.client_id = ?",
            (_digest(token), client_id),
        ).fetchone()
    )
    if row is None:
        return None
    _uninstall(sql, row["install"])
    return str(row["account"])


def uninstall(sql: sqlite3.Connection, account: str) -> int:
    return sql.execute("DELETE FROM installs WHERE account = ?", (account,)).rowcount


def expire(sql: sqlite3.Connection, account: str) -> int:
    """Ends the access tokens that an account has out; refresh tokens stay good."""
    return sql.execute(
        "UPDATE access_tokens SET expires_at = 0 WHERE expires_at > ? "
        "AND install IN (SELECT id FROM installs WHERE account = ?)",
        (time.time(), account),
    ).rowcount


def access(sql: sqlite3.Connection, token: str) -> Access | None:
    row = sql.execute(
        "SELECT i.account, t.scopes FROM access_tokens t JOIN installs i ON i.id = t.install "
        "WHERE t.digest = ? AND t.expires_at > ?",
        (_digest(token), time.time()),
    ).fetchone()
    return Access(row["account"], frozenset(row["scopes"].split())) if row else None


def account_of(sql: sqlite3.Connection, secret: str) -> str | None:
    """The account that a code or a token of any kind is about, dead ones excepted."""
    digest = _digest(secret)
    row = sql.execute(
        "SELECT account FROM codes WHERE digest = ?1 UNION ALL "
        "SELECT i.account FROM refresh_tokens t JOIN installs i ON i.id = t.install WHERE t.digest = ?1 UNION ALL "
        "SELECT i.account FROM access_tokens t JOIN installs i ON i.id = t.install WHERE t.digest = ?1",
        (digest,),
    ).fetchone()
    return row["account"] if row else None


def installs(sql: sqlite3.Connection, account: str) -> int:
    row = sql.execute("SELECT COUNT(*) FROM installs WHERE account = ?", (account,)).fetchone()
    return int(row[0])


def _refresh_row(sql: sqlite3.Connection, token: str, client_id: str) -> sqlite3.Row | None:
    found: sqlite3.Row | None = sql.execute(
        "SELECT t.install, t.scopes, t.replaced, i.account FROM refresh_tokens t "
        "JOIN installs i ON i.id = t.install WHERE t.digest = ? AND i.client_id = ?",
        (_digest(token), client_id),
    ).fetchone()
    return found


def _uninstall(sql: sqlite3.Connection, install_id: int) -> None:
    sql.execute("DELETE FROM installs WHERE id = ?", (install_id,))


def _new_refresh_token(sql: sqlite3.Connection, install_id: int, scopes: str) -> str:
    token = secrets.token_urlsafe(48)
    sql.execute(
        "INSERT INTO refresh_tokens (digest, install, scopes) VALUES (?, ?, ?)",
        (_digest(token), install_id, scopes),
    )
    return token


def _new_access_token(sql: sqlite3.Connection, install_id: int, account: str, scopes: str, seconds: int) -> str:
    expires_at = time.time() + seconds
    token = _signed_looking(account, scopes, expires_at)
    sql.execute("DELETE FROM access_tokens WHERE expires_at < ?", (time.time() - 86_400,))
    sql.execute(
        "INSERT INTO access_tokens (digest, install, scopes, expires_at) VALUES (?, ?, ?, ?)",
        (_digest(token), install_id, scopes, expires_at),
    )
    return token


def _signed_looking(account: str, scopes: str, expires_at: float) -> str:
    header = {"alg": "ES256", "kid": "sandbox", "typ": "JWT"}
    claims = {
        "tenant_id": account,
        "sub": account,
        "scope": scopes,
        "exp": int(expires_at),
        "jti": secrets.token_hex(16),
    }
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), secrets.token_bytes(64)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
