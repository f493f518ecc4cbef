"""Offers: access of the other kind came for an account that is connected, and waits for an operator's yes.

The queue, the settings and the history hang on the account's row, which stays; only what opens the account changes.
"""

import json
import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now

from integrations.connections import token_revocation
from integrations.connections.grants import Grant, Key
from integrations.encryption import Undecryptable
from integrations.models import Connection, Offer

LIFETIME = timedelta(minutes=10)

log = logging.getLogger(__name__)


def make(row: Connection, brought: Grant | Key, user: User, asked_at: datetime) -> Offer:
    """Keep what was brought for a while; an earlier offer for the same account is turned down."""
    for earlier in row.offers.all():
        _forget(earlier)
    if brought.kind == Connection.Kind.OAUTH:
        row.revocations.all().delete()  # one grant stands for the account: a late revocation would end this one
    offer = Offer(connection=row, user=user, kind=brought.kind, asked_at=asked_at, expires_at=Now() + LIFETIME)
    offer.access = _packed(brought)
    offer.save()
    return offer


def of(user: User, uid: Any) -> Offer | None:
    """The user's own offer of that id, as long as it stands."""
    return Offer.objects.filter(pk=uid, user=user, expires_at__gt=Now()).select_related("connection").first()


def opened(offer: Offer) -> Grant | Key:
    """What was brought. Raises Undecryptable."""
    kept = json.loads(offer.access)
    if offer.kind == Connection.Kind.PRIVATE_KEY:
        return Key(kept["key"], tuple(kept["scopes"]), tuple(kept["refused"]))
    scopes = None if kept["scopes"] is None else tuple(kept["scopes"])
    return Grant(kept["access_token"], kept["refresh_token"], timedelta(seconds=kept["expires_in"]), scopes)


def turn_down(offer: Offer) -> None:
    """Forget what was brought. A grant that nobody wants is revoked; of a key there is nothing to revoke."""
    with transaction.atomic():
        _forget(offer)
    token_revocation.attempt_for(Connection.objects.get(pk=offer.connection_id))


def _forget(offer: Offer) -> None:
    if not Offer.objects.filter(pk=offer.pk).delete()[0] or offer.kind != Connection.Kind.OAUTH:
        return
    try:
        brought = opened(offer)
    except Undecryptable as reason:
        log.warning("A grant offered for connection %s cannot be opened, nor revoked. %s", offer.connection_id, reason)
        return
    # While another grant stands for the account, a revocation would end that as well.
    if isinstance(brought, Grant) and Connection.objects.filter(
        pk=offer.connection_id, kind=Connection.Kind.PRIVATE_KEY
    ):
        token_revocation.remember(offer.connection, brought.refresh_token)


def drop_expired() -> None:
    for offer in Offer.objects.filter(expires_at__lt=Now()).select_related("connection"):
        turn_down(offer)


def _packed(brought: Grant | Key) -> str:
    kept = {name: value for name, value in asdict(brought).items() if name != "kind"}
    if isinstance(brought, Grant):
        kept["expires_in"] = int(brought.expires_in.total_seconds())
    return json.dumps(kept)
