"""Stores a grant or a key on the connection of the account that it opens, one row for each account for good."""

import contextlib
import enum
import logging
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models.functions import Now

from integrations import outbox
from integrations.connections import disconnection, offers, renewal, token_revocation
from integrations.connections.grants import Grant, Key
from integrations.encryption import Undecryptable
from integrations.models import Connection, Leaving, Offer
from integrations.pauses import by_hand
from integrations.providers import Account, Provider
from integrations.signals import account_replaced

ACCOUNT_ID = re.compile(r"[\x21-\x7e]{1,64}")
KNOWN = (Connection.State.CONNECTED, Connection.State.RECONNECT)

log = logging.getLogger(__name__)


class Choice(enum.StrEnum):
    """An operator's choice about a different account that came back from the consent screen."""

    REPLACE = "replace"
    KEEP = "keep"
    DISCARD = "discard"


@dataclass(frozen=True)
class Outcome:
    """The connection that a trip to the consent screen, or a key, led to, and a sentence for the operator."""

    connection: Connection
    sentence: str
    missed: Connection | None = None  # which was to be connected again, when a known account came back instead
    offer: Offer | None = None  # it is connected by other means, and an operator must say whether these take over
    whom: str = ""  # whom it is to serve, as was said on the way

    @property
    def is_undecided(self) -> bool:
        return self.connection.state == Connection.State.UNDECIDED


@dataclass(frozen=True)
class Consent:
    """Somebody's consent: to which account, what it grants, who went for it and when. A key is one, too."""

    account: Account
    grant: Grant | Key
    user: User
    asked_at: datetime


def store(provider: Provider, consent: Consent, intended: Connection | None) -> Outcome:
    """Connect the account's own row. A different one than `intended` waits for a decision, on a row of its own.

    Deliveries hang on rows, and a row's account never changes: nothing of one account can reach another.
    """
    with transaction.atomic():
        row = _row(provider, consent.account)
        known = row.state in KNOWN
        is_another = intended is not None and intended.pk != row.pk
        if known and row.kind != consent.grant.kind and (intended is None or is_another):
            offer = offers.make(row, consent.grant, consent.user, consent.asked_at)
            return Outcome(row, f"{row.account_name} is connected already, by {_words(row.kind)}.", offer=offer)
        if intended is not None and is_another and not known:
            _keep(row, consent, state=Connection.State.UNDECIDED, replaces=intended)
            return Outcome(row, f"{_came(consent)} {row.account_name}, not {_with(consent)}{intended.account_name}.")
        was = row.state
        is_anew = {} if known else {"allowed_at": Now()}
        _keep(row, consent, state=Connection.State.CONNECTED, **_connected_by(consent.user), **is_anew)
        outbox.release(row)
    token_revocation.attempt_for(row)
    if intended is not None and is_another:
        return Outcome(
            row,
            f"{_came(consent)} {row.account_name}, which is connected already; its access was renewed. "
            f"{intended.account_name} is as it was before.",
            missed=intended,
        )
    again = " again" if was == Connection.State.RECONNECT or row.generation > 1 else ""
    return Outcome(row, f"{row.account_name} is connected{again}.{_under_way(row)}")


def accept(offer: Offer, user: User) -> str:
    """Let what an offer brought take over from what opened the account until now; a sentence on what was done.

    Raises Undecryptable when it was locked with a key that is gone.
    """
    with transaction.atomic():
        standing = Offer.objects.select_for_update().filter(pk=offer.pk).first()
        row = Connection.objects.select_for_update(no_key=True).get(pk=offer.connection_id)
        if standing is None or row.state not in KNOWN:
            return "That was decided already."
        account = Account(row.account_id, row.account_name, row.timezone, row.currency, row.is_test_account)
        consent = Consent(account, offers.opened(standing), user, standing.asked_at)
        was = row.kind
        standing.delete()
        _keep(row, consent, state=Connection.State.CONNECTED, **_connected_by(user))
        outbox.release(row)
    token_revocation.attempt_for(row)
    return (
        f"{row.account_name} is connected by {_words(row.kind)} now, no longer by {_words(was)}. "
        f"What waited for it, its settings and its history are as they were.{_under_way(row)}"
    )


def _words(kind: str) -> str:
    return {Connection.Kind.OAUTH: "OAuth", Connection.Kind.PRIVATE_KEY: "a private key"}[Connection.Kind(kind)]


def _came(consent: Consent) -> str:
    return "This key opens" if isinstance(consent.grant, Key) else "You came back with"


def _with(consent: Consent) -> str:
    return "" if isinstance(consent.grant, Key) else "with "


def _under_way(row: Connection) -> str:
    return " What was held is being released, a person's own wishes first." if outbox.is_releasing(row) else ""


def decide(connection: Connection, choice: Choice, user: User) -> str:
    """Carry out an operator's choice about an undecided account; a sentence on what was done."""
    if choice == Choice.REPLACE and connection.replaces:
        disconnection.take_away(connection.replaces)
    with transaction.atomic():
        waiting = Connection.objects.select_for_update(no_key=True).filter(pk=connection.pk)
        row = waiting.filter(state=Connection.State.UNDECIDED).first()
        if row is None:
            return "That was decided already."
        old = row.replaces
        if choice != Choice.DISCARD:
            _set(row, state=Connection.State.CONNECTED, allowed_at=Now(), **_connected_by(user))
            outbox.release(row)
        if choice == Choice.REPLACE and old:
            by_hand.hand_on(old, row)
            account_replaced.send(sender=Connection, old=old, new=row)
            disconnection.start(old)
    if choice == Choice.DISCARD:
        return _discard(row, user)
    if choice == Choice.REPLACE and old:
        disconnection.end(old, user)
        return f"{row.account_name} has taken the place of {old.account_name}. What waited for that stays with it."
    return f"{row.account_name} is connected as another account."


def _row(provider: Provider, account: Account) -> Connection:
    """The account's row, locked; there is one for good, by the constraint `one_connection_per_account`."""
    row, _is_new = Connection.objects.get_or_create(provider=provider.slug, account_id=account.id)
    return Connection.objects.select_for_update(no_key=True).get(pk=row.pk)


def _keep(row: Connection, consent: Consent, **fields: Any) -> None:
    """Store a consent on a row, and nothing of what was there before."""
    describe(row, consent.account)
    Leaving.objects.filter(connection=row).delete()
    _set(
        row,
        **(_by_key(row, consent.grant) if isinstance(consent.grant, Key) else _by_grant(row, consent.grant, consent)),
        kind=consent.grant.kind,
        scopes=" ".join(consent.grant.scopes or ()),
        generation=row.generation + 1,
        **renewal.NO_RENEWAL,
        disconnected_at=None,
        **fields,
    )


def _by_grant(row: Connection, grant: Grant, consent: Consent) -> dict[str, Any]:
    """One grant stands for the account, so a revocation still waiting must not come."""
    row.revocations.all().delete()
    return {
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "access_expires_at": consent.asked_at + grant.expires_in,
        "refreshed_at": consent.asked_at,
        "private_key": "",
        "key_ending": "",
        "refused_scopes": "",
    }


def _by_key(row: Connection, grant: Key) -> dict[str, Any]:
    """A grant that stood until now is revoked: a key is none of it."""
    try:
        if row.refresh_token:
            token_revocation.remember(row, row.refresh_token)
    except Undecryptable as reason:
        log.warning("The grant of connection %s cannot be opened, nor revoked. %s", row.pk, reason)
    return {
        "access_token": "",
        "refresh_token": "",
        "access_expires_at": None,
        "refreshed_at": None,
        "private_key": grant.key,
        "key_ending": grant.key[-4:],
        "refused_scopes": " ".join(grant.refused),
    }


def describe(row: Connection, account: Account) -> None:
    """Take over what the account says of itself, as far as our columns hold it."""
    row.account_name = _trimmed(account.name, 255) or account.id
    row.timezone = _trimmed(account.timezone, 64)
    row.currency = account.currency if len(account.currency) == 3 else ""
    row.is_test_account = account.is_test


def _connected_by(user: User) -> dict[str, Any]:
    return {
        "connected_at": Now(),
        "connected_by": user,
        "problem_code": "",
        "problem": "",
        "problem_at": None,
        "replaces": None,
    }


def _set(row: Connection, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.save()
    row.refresh_from_db()


def _discard(row: Connection, user: User) -> str:
    """Let the unwanted account go; a row that never did anything leaves nothing behind."""
    name = row.account_name
    revoked = disconnection.disconnect(row, user)
    has_history = row.connected_at or row.deliveries.exists() or row.attempts.exists()
    if revoked and not has_history:
        with contextlib.suppress(models.ProtectedError):  # something is arranged for it already: then it stays
            row.delete()
    return f"{name} was not kept."


def _trimmed(text: str, length: int) -> str:
    return text.replace("\x00", "")[:length]
