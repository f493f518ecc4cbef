"""Messages that were settled as not sent while a request of theirs was unanswered: found at Klaviyo, they were sent."""

import logging
from contextlib import suppress
from datetime import timedelta

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from integrations.models import Connection, Delivery
from integrations.outbox import lock_timeout
from klaviyo.api import events
from klaviyo.api.client import Client
from klaviyo.confirmation import in_doubt_lookup, in_doubt_requests
from klaviyo.models import Send
from referrals import lifecycle

State = Delivery.State

WITHIN = timedelta(minutes=10)  # by then it shows
MOST = 20
NOT_SENT = (State.SKIPPED, State.CANCELLED, State.FAILED)

log = logging.getLogger(__name__)


def settle(client: Client) -> None:
    """Confirm those that are there after all, and tell that they went out. Raises IntegrationError."""
    for delivery in _doubtful(client.connection).order_by("-settled_at")[:MOST]:
        with suppress(events.Unreadable):  # of one; the next may be found
            if delivery.body and in_doubt_lookup.is_there(client, delivery):
                confirm(delivery)


def confirm(delivery: Delivery) -> bool:
    """It was sent, whatever our books say; False when that cannot be written down now."""
    send = Send.objects.filter(delivery=delivery).select_related("invite").first()
    try:
        with lock_timeout.short():
            in_doubt_requests.note_seen(in_doubt_lookup.unanswered(delivery))
            found = Delivery.objects.filter(pk=delivery.pk, state__in=NOT_SENT)
            found.update(state=State.CONFIRMED, confirmed_at=Now(), reason_code="", reason="")
            if send and send.kind == Send.Kind.INVITE:
                lifecycle.went_out(send.invite)
    except lock_timeout.Busy:
        log.info("Delivery %s is at Klaviyo; that is written down in a while.", delivery.pk)
        return False
    return True


def _doubtful(connection: Connection) -> "QuerySet[Delivery]":
    rows = Delivery.objects.filter(connection=connection, state__in=NOT_SENT, settled_at__gt=Now() - WITHIN)
    asked = in_doubt_requests.unanswered().filter(deliveries=OuterRef("pk"))
    return rows.filter(Exists(asked.order_by()), kind="event", send__isnull=False)
