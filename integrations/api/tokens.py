"""Tokens: they are made, found by the secret that a call brings, asked what they may do, and revoked.

Only the digest of a secret is stored. It is 32 random bytes, so that no slow hash is needed.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations import pacing
from integrations.api.refusals import Refused, refused
from integrations.models import ApiToken, Connection, RefusedCall
from integrations.pacing import Window
from integrations.prepared import Given, Reading

MARK = "sorae_"
SECRET_BYTES = 32
SHOWN = len(MARK) + 6  # characters of a secret that stay known
USED_EVERY = timedelta(minutes=1)
ON_RECORD = (Window(60, 60),)  # refused calls of one token, or of all without one: a flood of them must not fill tables
MOST_PER_MINUTE = 60_000

_BEARER = re.compile(r"Bearer +(sorae_[A-Za-z0-9_-]{43})", re.IGNORECASE)
Code = RefusedCall.Code
_BY_DIGEST: Reading[ApiToken] = Reading(
    lambda: ApiToken.objects.select_related("created_by").filter(digest=Given("digest"))
)


@transaction.atomic
def make(
    name: str,
    by: User | None,
    *,
    abilities: Sequence[str],
    connections: Iterable[Connection] | None = None,
    expires_at: datetime | None = None,
    per_minute: int = 300,
) -> tuple[ApiToken, str]:
    """A new token, and its secret, which nobody can read again. Without `connections` it is for all of them."""
    secret = MARK + secrets.token_urlsafe(SECRET_BYTES)
    token = ApiToken.objects.create(
        name=name,
        prefix=secret[:SHOWN],
        digest=digest(secret),
        created_by=by,
        abilities=sorted(set(abilities)),
        is_for_all_connections=connections is None,
        expires_at=expires_at,
        per_minute=per_minute,
    )
    token.connections.set(connections or ())
    return token, secret


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def find(authorization: str) -> ApiToken:
    """The token of an Authorization header; `Refused` (401) where there is none that is alive."""
    if not authorization.strip():
        raise unauthorized(Code.NO_TOKEN, "Send a token: Authorization: Bearer sorae_…")
    if authorization.split()[0].lower() != "bearer":
        raise unauthorized(Code.UNKNOWN_TOKEN, "Use a token: Authorization: Bearer sorae_…")
    found = _BEARER.fullmatch(authorization.strip())
    wanted = digest(found[1]) if found else ""
    token = _BY_DIGEST.first(digest=wanted) if found else None
    if token is None or not hmac.compare_digest(token.digest, wanted):
        raise unauthorized(Code.UNKNOWN_TOKEN, "This token is not known. Make one on the page API tokens.")
    if token.is_revoked:
        raise unauthorized(Code.REVOKED_TOKEN, "This token was revoked. Make another one.", token)
    if token.is_expired:
        raise unauthorized(Code.EXPIRED_TOKEN, "This token has expired. Make another one.", token)
    if token.is_orphaned:
        sentence = "Whoever made this token is deactivated. Let somebody else make another one."
        raise unauthorized(Code.ORPHANED_TOKEN, sentence, token)
    return token


def used(token: ApiToken) -> None:
    """Note that it is in use, at most once a minute."""
    now = timezone.now()
    if token.last_used_at and token.last_used_at > now - USED_EVERY:
        return
    is_due = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
    ApiToken.objects.filter(is_due, pk=token.pk).update(last_used_at=now)


def revoke(token: ApiToken) -> bool:
    """End it for good; False where it has ended already."""
    return bool(ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()))


def may(token: ApiToken, abilities: str | Iterable[str], connection: Connection | int | None = None) -> bool:
    """Whether it holds one of these abilities and, where a connection is concerned, is for that one."""
    return may_reach(token, connection) and may_do(token, abilities)


def may_do(token: ApiToken, abilities: str | Iterable[str]) -> bool:
    """Whether it holds one of these: an action's own name, its group, or what both are part of."""
    wanted = {abilities} if isinstance(abilities, str) else set(abilities)
    return not wanted.isdisjoint(token.abilities)


def may_reach(token: ApiToken, connection: Connection | int | None) -> bool:
    if connection is None or token.is_for_all_connections:
        return True
    pk = connection.pk if isinstance(connection, Connection) else connection
    return token.connections.filter(pk=pk).exists()


def must_do(token: ApiToken, abilities: str | Iterable[str], what: str = "") -> None:
    """`Refused` (403) without one of these abilities; `what` names it on record, as the first of them would."""
    if may_do(token, abilities):
        return
    names = [abilities] if isinstance(abilities, str) else list(abilities)
    sentence = f"This token may not do that: it needs one of {', '.join(names)}."
    raise forbidden(Code.ABILITY_NOT_ALLOWED, sentence, token, what or names[0])


def has_a_maker_with(token: ApiToken, permission: str) -> bool:
    """Whether its maker, if it has one, is still of the staff and has that permission."""
    maker = token.created_by
    return maker is None or (maker.is_active and maker.is_staff and maker.has_perm(permission))


def must_have_a_maker_with(token: ApiToken, permission: str, what: str) -> None:
    """`Refused` (403) where its maker may not do themselves any more what they gave it."""
    if not has_a_maker_with(token, permission):
        sentence = "This token may not do that: whoever made it may not any more."
        raise forbidden(Code.ABILITY_NOT_ALLOWED, sentence, token, what)


def must_reach(token: ApiToken, connection: Connection | int) -> None:
    """`Refused` (403) for another connection than the token's; also for one that there is not, so nobody can try."""
    if may_reach(token, connection):
        return
    pk = connection.pk if isinstance(connection, Connection) else connection
    sentence = f"This token is not for connection {pk}."
    raise forbidden(Code.CONNECTION_NOT_ALLOWED, sentence, token, f"connection {pk}")


class NotAllowed(Refused):
    """A refusal that goes on record, with whose token it was and what it was about."""

    token: ApiToken | None = None
    what: str = ""


def unauthorized(code: RefusedCall.Code, sentence: str, token: ApiToken | None = None) -> NotAllowed:
    """As https://www.rfc-editor.org/rfc/rfc6750#section-3 has it: no error is named where there is no token."""
    said = "" if code is Code.NO_TOKEN else ', error="invalid_token"'
    return _not_allowed(401, code, sentence, f'Bearer realm="Sorae"{said}', token)


def forbidden(code: RefusedCall.Code, sentence: str, token: ApiToken, what: str) -> NotAllowed:
    found = _not_allowed(403, code, sentence, 'Bearer realm="Sorae", error="insufficient_scope"', token)
    found.what = what
    return found


def record(refusal: NotAllowed, method: str, route: str) -> None:
    """Put a refused call on record, unless there were too many within a minute."""
    budget = f"refused:{refusal.token.pk if refusal.token else 'strangers'}"
    if pacing.take(budget, ON_RECORD):
        return
    RefusedCall.objects.create(
        token=refusal.token,
        code=refusal.outcome.code,
        method=method[:8],
        route=route[:200],
        what=refusal.what[:200],
    )


def _not_allowed(
    status: int, code: RefusedCall.Code, sentence: str, challenge: str, token: ApiToken | None
) -> NotAllowed:
    plain = refused(status, code.value, sentence)
    found = NotAllowed(status, plain.outcome, {"WWW-Authenticate": challenge})
    found.token = token
    return found
