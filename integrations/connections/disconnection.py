"""Disconnecting an account: new work stops, work in flight ends, access is erased here; tokens are revoked there.

Erasing never waits for the provider. Deliveries that still wait are held, and flow again if the same account is ever
connected again.
"""

import logging
import time
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from integrations import errors, outbox, providers
from integrations.connections import offers, renewal, token_revocation
from integrations.encryption import Undecryptable
from integrations.models import Connection, Lease, Leaving, Revocation
from integrations.outbox.waiting import DISCONNECTED

PATIENCE = timedelta(seconds=15)
STEP_SECONDS = 0.1
INTERRUPTED_AFTER = timedelta(seconds=60)

log = logging.getLogger(__name__)


def disconnect(connection: Connection, user: User | None) -> bool:
    """Disconnect; True when the provider has confirmed, False when it will be asked again.

    When this returns tokens and key are erased, and no request uses them but the one that revokes the tokens.
    """
    take_away(connection)
    start(connection)
    return end(connection, user)


def end(connection: Connection, user: User | None) -> bool:
    """Disconnect what has been started; nothing ends where somebody has connected it again since."""
    log.info("Connection %s is being disconnected by user %s.", connection.pk, user.pk if user else None)
    _wait_for_work(connection)
    revoked = finish(connection)
    connection.refresh_from_db()
    return revoked


def take_away(connection: Connection) -> None:
    """What the provider keeps there for us alone goes, while we have access; whatever it meets keeps nothing back."""
    if not connection.is_connected:
        return
    try:
        providers.get(connection.provider).take_away(connection)
    except Exception as error:
        log.warning("Connection %s keeps what was ours there: %s", connection.pk, errors.without_message(error))


def start(connection: Connection) -> None:
    """Stop all new work. The generation moves, so that tokens on their way are not stored any more."""
    over = (Connection.State.DISCONNECTING, Connection.State.DISCONNECTED)
    Connection.objects.filter(pk=connection.pk).exclude(state__in=over).update(
        state=Connection.State.DISCONNECTING,
        generation=F("generation") + 1,
        disconnected_at=Now(),
        replaces=None,
    )
    Leaving.objects.filter(connection=connection).delete()


def finish(connection: Connection) -> bool:
    """Erase the tokens and hold what waits, whoever can or cannot be reached; then ask for the revocation."""
    with transaction.atomic():
        going = Connection.objects.select_for_update(no_key=True).filter(pk=connection.pk)
        row = going.filter(state=Connection.State.DISCONNECTING).first()
        revocation = _erase(row) if row else None
    if revocation:
        token_revocation.attempt(revocation)
    return not Revocation.objects.filter(connection=connection).exists()


def revoke_due() -> int:
    """Finish disconnects whose process died, drop old offers, and repeat revocations; how many tokens are dead."""
    offers.drop_expired()
    late = Connection.objects.filter(
        state=Connection.State.DISCONNECTING, disconnected_at__lt=Now() - INTERRUPTED_AFTER
    )
    for connection in late:
        finish(connection)
    return token_revocation.attempt_due()


def _erase(row: Connection) -> Revocation | None:
    revocation, problem = None, ""
    try:
        if row.refresh_token:
            revocation = token_revocation.remember(row, row.refresh_token)
    except Undecryptable as reason:
        problem = token_revocation.NOT_REVOKED.about(why=reason).sentence
    Connection.objects.filter(pk=row.pk).update(
        state=Connection.State.DISCONNECTED,
        access_token="",
        refresh_token="",
        access_expires_at=None,
        private_key="",
        key_ending="",
        **renewal.NO_RENEWAL,
        problem_code=token_revocation.NOT_REVOKED.code if problem else "",
        problem=problem,
        problem_at=Now() if problem else None,
        disconnected_at=Now(),
    )
    outbox.hold(row, DISCONNECTED)
    return revocation


def _wait_for_work(connection: Connection) -> None:
    """Let deliveries and a renewal in flight end; each takes no longer than a request may."""
    gives_up_at = time.monotonic() + PATIENCE.total_seconds()
    sending = Lease.objects.filter(connection=connection, until__gt=Now())
    renewing = Connection.objects.filter(pk=connection.pk, refresh_lease__isnull=False, refresh_lease_until__gt=Now())
    while (sending.exists() or renewing.exists()) and time.monotonic() < gives_up_at:
        time.sleep(STEP_SECONDS)
