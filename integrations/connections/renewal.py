"""Access to accounts. Tokens are refreshed by one worker for all, under a lease; a generation says which are newest.

Nobody holds a lock or a transaction while the provider is asked. Renewal starts well before the end, so that
the others keep working with the old token meanwhile. Leases and expiry go by the database's clock.
"""

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.db import connection as database
from django.db.models import F, Q
from django.db.models.functions import Now

from integrations import encryption, providers, reasons, shutdown
from integrations.connections import oauth, token_revocation
from integrations.connections.asking_together import Circles
from integrations.connections.grants import Grant
from integrations.connections.reconnect_required import mark_reconnect
from integrations.encryption import Undecryptable
from integrations.errors import IntegrationError, OperatorRequired, ReconnectRequired, TemporaryError, Throttled
from integrations.models import Connection
from integrations.outbox.waiting import DISCONNECTED, RECONNECT, UNDECIDED
from integrations.providers import Access, Provider
from integrations.reasons import Reason, access_ended, on_the_way

MARGIN = timedelta(minutes=15)
AHEAD = timedelta(minutes=5)  # the timer's lead, so that workers find nothing to renew
BARELY = timedelta(seconds=10)  # a token with less than this left is as good as expired
LEASE = timedelta(seconds=30)  # more than a request may take as a whole
LATEST = timedelta(seconds=10)  # a lease that was so long in coming is given back
IDLE = timedelta(days=1)  # providers drop grants that nobody uses
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
PATIENCE_SECONDS = 5.0
KNOWN_SECONDS = 5.0  # then it is looked at whether access is due to be renewed
TIMER_SECONDS = 50.0
NO_RENEWAL: dict[str, Any] = {  # the columns of a connection of which no renewal is under way or has failed
    "refresh_lease": None,
    "refresh_lease_until": None,
    "refresh_failures": 0,
    "refresh_problem_code": "",
    "refresh_problem": "",
}
WITHDRAWN = access_ended(
    "access_withdrawn",
    "Access withdrawn",
    "Access was withdrawn, or not used for too long. Connect the account again.",
    because="our access to the account was withdrawn",
)
LOST = access_ended(
    "response_lost",
    "Access lost",
    "The answer to a renewal was lost, and with it the new access. Connect the account again.",
    because="the answer to a renewal of our access was lost",
)
KEY_REFUSED = access_ended(
    "key_refused",
    "Key refused",
    "The key no longer works: paste a new one.",
    because="the provider no longer accepts the account's private key",
)
LOCKED = access_ended(
    "undecryptable",
    "Access unreadable",
    "The stored access cannot be opened. {why} Connect the account again.",
    because="our access is locked with a key that is no longer there",
)
RENEWING = on_the_way(
    "renewing",
    "Access being renewed",
    "Access is being renewed.",
    because="our access is being renewed",
)
RESTING = on_the_way(
    "renewal_rests",
    "Access not renewed yet",
    "Access could not be renewed.",
    because="our access could not be renewed",
)

log = logging.getLogger(__name__)


class AccessUnavailable(Throttled):
    """No usable access token at the moment; nothing was sent, so it costs no attempt."""

    def __init__(self, reason: Reason, *, retry_after: timedelta) -> None:
        TemporaryError.__init__(self, reason, retry_after=retry_after)


Refusal = partial[ReconnectRequired] | partial[AccessUnavailable]  # each thread raises its own
_waiting: "Circles[Access | Refusal]" = Circles()


def access(connection_id: int, margin: timedelta = MARGIN) -> Access:
    """Access that is good for `margin`, or at least for now while the provider cannot renew it.

    Raises ReconnectRequired when a person must act, AccessUnavailable when there is none at the moment.
    """
    stored = _stored_access(connection_id)
    if stored and margin == MARGIN and (known := _known.get(connection_id)) and known.is_of(stored):
        return known.access
    seen = _look(connection_id)
    if seen.connection.has_key or not seen.is_due(margin):
        return _noted(connection_id, stored, _opened(seen)) if margin == MARGIN else _opened(seen)
    if seen.left <= BARELY:
        return _awaited(seen)
    try:
        return _newer(seen, patience_seconds=0.0) or _opened(seen)
    except AccessUnavailable:
        return _opened(seen)


def renew(connection_id: int, seen_generation: int) -> Access:
    """Newer access than the one the provider has just refused; without a call where there is one already.

    A key cannot be renewed: refused once, a person must bring another.
    """
    seen = _look(connection_id)
    if seen.connection.generation != seen_generation:
        return access(connection_id)
    if seen.connection.has_key:
        mark_reconnect(seen.connection, KEY_REFUSED)
        raise ReconnectRequired(KEY_REFUSED)
    return _awaited(seen)


def renew_due() -> int:
    """Renew what is about to expire or has lain idle, for a timer to call; how many were renewed."""
    ends_at = time.monotonic() + TIMER_SECONDS
    soon = Q(access_expires_at=None) | Q(access_expires_at__lt=Now() + MARGIN + AHEAD)
    idle = Q(refreshed_at=None) | Q(refreshed_at__lt=Now() - IDLE)
    due = Connection.objects.filter(soon | idle, state=Connection.State.CONNECTED, kind=Connection.Kind.OAUTH)
    renewed = 0
    for connection_id in due.order_by("access_expires_at").values_list("pk", flat=True):
        if time.monotonic() > ends_at or shutdown.asked():
            break
        renewed += _renewed_by_timer(connection_id)
    return renewed


@dataclass(frozen=True)
class _Seen:
    """A connected row as it was read, and the database's time then."""

    connection: Connection
    now: datetime

    @property
    def left(self) -> timedelta:
        return (self.connection.access_expires_at or self.now) - self.now

    def is_due(self, margin: timedelta) -> bool:
        """Whether to renew: within the margin, or in the last third of a token that never lives so long."""
        lifetime = self.left + (self.now - (self.connection.refreshed_at or self.now))
        return self.left < min(margin, lifetime / 3)

    @property
    def is_idle(self) -> bool:
        return self.connection.refreshed_at is None or self.now - self.connection.refreshed_at > IDLE

    @property
    def pause(self) -> timedelta:
        """How long renewal rests after a failure: until the end of a lease that has no owner."""
        until = self.connection.refresh_lease_until
        return until - self.now if until and not self.connection.refresh_lease else timedelta()


_Stored = tuple[Any, ...]


@dataclass(frozen=True)
class _Known:
    """Access that this process has opened, good for as long as it is stored so, and for no more than a while."""

    access: Access
    stored: _Stored
    until: float

    def is_of(self, stored: _Stored) -> bool:
        return self.stored == stored and time.monotonic() < self.until


_known: dict[int, _Known] = {}
_AS_STORED = ("generation", "kind", "access_token", "private_key", "access_expires_at", "refreshed_at")


def _stored_access(connection_id: int) -> _Stored | None:
    """What a connected row says of its access, as it is stored, with every secret encrypted."""
    columns, table = ", ".join(_AS_STORED), Connection._meta.db_table
    with database.cursor() as cursor:
        cursor.execute(
            f"SELECT {columns} FROM {table} WHERE id = %s AND state = %s",  # noqa: S608 - own names
            [connection_id, Connection.State.CONNECTED.value],
        )
        found: _Stored | None = cursor.fetchone()
        return found


def _noted(connection_id: int, stored: _Stored | None, access: Access) -> Access:
    if stored:
        _known[connection_id] = _Known(access, stored, time.monotonic() + KNOWN_SECONDS)
    return access


def _look(connection_id: int) -> _Seen:
    row = Connection.objects.filter(pk=connection_id).annotate(database_now=Now()).first()
    if row is None or row.state in (Connection.State.DISCONNECTED, Connection.State.DISCONNECTING):
        raise ReconnectRequired(DISCONNECTED)
    if row.state == Connection.State.UNDECIDED:
        raise ReconnectRequired(UNDECIDED)
    if row.state != Connection.State.CONNECTED:
        raise ReconnectRequired(reasons.of(row.problem_code or RECONNECT.code, row.problem or RECONNECT.sentence))
    return _Seen(row, row.database_now)


def _opened(seen: _Seen) -> Access:
    row = seen.connection
    try:
        if row.has_key:
            return of_key(providers.get(row.provider), row.private_key, row.generation)
        return of_token(row.access_token, row.generation)
    except Undecryptable as reason:
        raise _lost(seen, reason) from None


def of_token(token: str, generation: int = 0) -> Access:
    """The access that a token gives: https://www.rfc-editor.org/rfc/rfc6750#section-2.1."""
    return Access(f"Bearer {token}", generation)


def of_key(provider: Provider, key: str, generation: int = 0) -> Access:
    """The access that a private key gives, in the provider's own way; none where it takes no keys (any more)."""
    if provider.keys is None:
        raise ReconnectRequired(KEY_REFUSED)
    return Access(provider.keys.authorization(key), generation, is_renewable=False)


def _renewed(seen: _Seen) -> Access | None:
    """Renew, if nobody else does; None when somebody does or did, or when it failed for now."""
    row, lease = seen.connection, uuid.uuid4()
    if row.refresh_lease_until and row.refresh_lease_until > seen.now:
        return None
    free = Q(refresh_lease_until=None) | Q(refresh_lease_until__lt=Now())
    same = Connection.objects.filter(pk=row.pk, generation=row.generation, state=Connection.State.CONNECTED)
    asked_at = time.monotonic()
    # Whoever comes second waits for the row, looks at it again and finds the lease taken:
    # https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
    if not same.filter(free).update(refresh_lease=lease, refresh_lease_until=Now() + LEASE):
        return None
    # Now() is when the statement began, and it may have waited for the row: a request could outlast what is left.
    # https://docs.djangoproject.com/en/5.2/ref/models/database-functions/#now
    if time.monotonic() - asked_at > LATEST.total_seconds():
        same.filter(refresh_lease=lease).update(refresh_lease=None, refresh_lease_until=None)
        return None
    try:
        refresh_token = row.refresh_token
        grant = oauth.refresh(providers.get(row.provider), refresh_token)
    except Undecryptable as reason:
        raise _lost(seen, reason) from None
    except ReconnectRequired as error:
        _refused(row, error)
    except IntegrationError as error:
        _pause(row, lease, error)
    else:
        if access := _stored(seen, lease, grant):
            return access
        _drop(row, lease, refresh_token, grant)
    return None


def _stored(seen: _Seen, lease: uuid.UUID, grant: Grant) -> Access | None:
    """Write the new tokens, the very next thing after the answer; None when the row has moved on since."""
    row = seen.connection
    mine = Connection.objects.filter(
        pk=row.pk, generation=row.generation, refresh_lease=lease, state=Connection.State.CONNECTED
    )
    stored = mine.update(
        access_token=encryption.field_of(Connection, "access_token").seal(grant.access_token, row.pk),
        refresh_token=encryption.field_of(Connection, "refresh_token").seal(grant.refresh_token, row.pk),
        access_expires_at=seen.now + grant.expires_in,
        scopes=row.scopes if grant.scopes is None else " ".join(grant.scopes),
        generation=row.generation + 1,
        refreshed_at=seen.now,
        **NO_RENEWAL,
    )
    return of_token(grant.access_token, row.generation + 1) if stored else None


def _drop(row: Connection, lease: uuid.UUID, refresh_token: str, grant: Grant) -> None:
    """Tokens that came for a row which was disconnected or connected anew meanwhile: never used."""
    present = Connection.objects.filter(pk=row.pk)
    present.filter(refresh_lease=lease).update(refresh_lease=None, refresh_lease_until=None)
    gone = present.filter(state__in=(Connection.State.DISCONNECTING, Connection.State.DISCONNECTED))
    if grant.refresh_token != refresh_token and gone.exists():
        token_revocation.remember(row, grant.refresh_token)


def _refused(row: Connection, error: ReconnectRequired) -> None:
    if not mark_reconnect(row, LOST if row.refresh_problem_code == oauth.UNCERTAIN.code else WITHDRAWN):
        log.info("Connection %s was renewed by somebody else; %s says nothing of it.", row.pk, error.code)


def _pause(row: Connection, lease: uuid.UUID, error: IntegrationError) -> None:
    """Let renewal rest for a while. That an answer was lost is remembered until one arrives."""
    pause = min(FIRST_PAUSE * 2 ** min(row.refresh_failures, 10), LONGEST_PAUSE)
    pause = max(pause, getattr(error, "retry_after", None) or pause)
    was_uncertain = row.refresh_problem_code == oauth.UNCERTAIN.code
    Connection.objects.filter(pk=row.pk, refresh_lease=lease).update(
        refresh_lease=None,
        refresh_lease_until=Now() + pause,
        refresh_failures=F("refresh_failures") + 1,
        refresh_problem_code=oauth.UNCERTAIN.code if was_uncertain else error.code,
        refresh_problem=error.sentence,
    )
    level = logging.ERROR if isinstance(error, OperatorRequired) else logging.WARNING
    log.log(level, "Access of connection %s could not be renewed: %s %s", row.pk, error.code, error.sentence)


def _lost(seen: _Seen, reason: Undecryptable) -> ReconnectRequired:
    locked = LOCKED.about(why=reason)
    mark_reconnect(seen.connection, locked)
    return ReconnectRequired(locked)


def _awaited(seen: _Seen) -> Access:
    """A newer token, by ourselves or by another worker; a short breath is given to that, and none while it rests."""
    if access := _newer(seen, PATIENCE_SECONDS):
        return access
    raise AccessUnavailable(RENEWING, retry_after=timedelta(seconds=5))


def _newer(seen: _Seen, patience_seconds: float) -> Access | None:
    """A newer token than the one seen; None where there is none in that time. Raises what holds for all who wait.

    The threads of a process look and try as one: a thousand by themselves would take the time from the one who renews.
    """
    row, first = seen.connection, iter([seen])

    def question() -> "Access | Refusal | None":
        try:
            return _tried(next(first, None) or _look(row.pk), row.generation)
        except ReconnectRequired as error:
            return partial(ReconnectRequired, error.reason)
        except AccessUnavailable as error:
            return partial(AccessUnavailable, error.reason, retry_after=error.retry_after)

    answer = _waiting.ask((row.pk, row.generation), question, time.monotonic() + patience_seconds)
    if isinstance(answer, partial):
        raise answer()
    return answer


def _tried(seen: _Seen, generation: int) -> Access | None:
    """One look and one try to get beyond a generation; None while another worker renews."""
    if seen.connection.generation != generation:
        return _opened(seen)
    if access := _renewed(seen):
        return access
    if seen.pause > timedelta():
        sentence = f"{RESTING.sentence} {seen.connection.refresh_problem}".strip()
        reason = reasons.of(seen.connection.refresh_problem_code or RESTING.code, sentence)
        raise AccessUnavailable(reason, retry_after=max(seen.pause, timedelta(seconds=1)))
    return None


def _renewed_by_timer(connection_id: int) -> bool:
    try:
        seen = _look(connection_id)
        return (seen.is_due(MARGIN + AHEAD) or seen.is_idle) and _renewed(seen) is not None
    except IntegrationError:
        return False  # marked and logged where it happened
