"""Token revocation (RFC 7009): asked of the provider again and again for a day where it cannot be reached."""

import logging
from datetime import timedelta

from django.db.models import F, Q
from django.db.models.functions import Now

from integrations import providers
from integrations.connections import oauth
from integrations.encryption import Undecryptable
from integrations.errors import IntegrationError
from integrations.models import Connection, Revocation
from integrations.reasons import access_ended

GIVES_UP = timedelta(hours=24)
NO_GRANT_STANDS = Q(connection__state=Connection.State.DISCONNECTED) | Q(connection__kind=Connection.Kind.PRIVATE_KEY)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=2)
NOT_REVOKED = access_ended(
    "not_revoked",
    "Access not revoked",
    "Access could not be revoked: remove the app in the account itself. {why}",
    because="the account is disconnected",
)

log = logging.getLogger(__name__)


def remember(connection: Connection, refresh_token: str) -> Revocation:
    """Write down that a token is to be revoked."""
    revocation = Revocation(connection=connection, gives_up_at=Now() + GIVES_UP)
    revocation.token = refresh_token
    revocation.save()
    return Revocation.objects.get(pk=revocation.pk)


def attempt(revocation: Revocation) -> bool:
    """Ask once; True when the token is dead. Counted before it is tried, so two workers never try at once."""
    pause = min(FIRST_PAUSE * 2 ** min(revocation.attempts, 10), LONGEST_PAUSE)
    mine = Revocation.objects.filter(NO_GRANT_STANDS, pk=revocation.pk, attempts=revocation.attempts)
    if not mine.update(attempts=F("attempts") + 1, next_try_at=Now() + pause):
        return False
    same = Revocation.objects.filter(pk=revocation.pk)
    try:
        oauth.revoke(providers.get(revocation.connection.provider), revocation.token)
    except Undecryptable as reason:
        _give_up(revocation, f"The token cannot be opened. {reason}")
        return False
    except IntegrationError as error:
        same.update(problem=error.sentence)
        log.warning("Access of connection %s could not be revoked: %s", revocation.connection_id, error)
        return False
    same.delete()
    return True


def attempt_for(connection: Connection) -> None:
    """Ask at once for what is to be revoked of a connection that has a key now; the timer goes on with what is left."""
    for revocation in connection.revocations.all() if connection.has_key else ():
        attempt(revocation)


def postpone(connection: Connection, period: timedelta) -> None:
    """Wait while somebody connects the account again: a late revocation would end the new access as well."""
    connection.revocations.filter(next_try_at__lt=Now() + period).update(next_try_at=Now() + period)


def attempt_due() -> int:
    """Try what is due, give up what is a day old; how many tokens are dead now."""
    for revocation in Revocation.objects.filter(gives_up_at__lt=Now()).select_related("connection"):
        _give_up(revocation, revocation.problem or "The provider could not be asked.")
    due = Revocation.objects.filter(NO_GRANT_STANDS, next_try_at__lte=Now())
    return sum(attempt(revocation) for revocation in due.select_related("connection")[:500])


def _give_up(revocation: Revocation, reason: str) -> None:
    sentence = NOT_REVOKED.about(why=reason).sentence
    Connection.objects.filter(pk=revocation.connection_id, state=Connection.State.DISCONNECTED).update(
        problem_code=NOT_REVOKED.code, problem=sentence, problem_at=Now()
    )
    revocation.delete()
    log.error("Connection %s: %s", revocation.connection_id, sentence)
