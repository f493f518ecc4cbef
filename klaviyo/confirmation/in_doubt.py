"""Requests in doubt: their outcome is unknown, as a worker died or no answer came. They are settled by reading back.

A message that is refused or taken back while a request of it is in doubt counts as not sent, as far as is known. The
read-back round looks for it: what is found was sent, whatever our books say; what does not show in time never arrived.
A request that Klaviyo took, of a worker that died before it wrote that down, is no doubt: the message has gone out.
"""

import logging
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now, Replace
from django.utils import timezone

from integrations.errors import PermanentError
from integrations.mail import mailer
from integrations.models import Attempt, Connection, Delivery, Place
from integrations.outbox import lock_timeout
from integrations.outcomes import Outcome, Skipped
from integrations.wire import attempts
from klaviyo.api import events
from klaviyo.api.answers import Unreadable
from klaviyo.api.client import Client
from klaviyo.api.events import CREATE_EVENT
from klaviyo.mapping import contents
from klaviyo.mapping.events import Recorded
from klaviyo.models import Send
from referrals import lifecycle

State = Delivery.State

SHOWS_WITHIN = timedelta(minutes=3)  # an event that Klaviyo took; how soon it shows is not published
LOOKED_FOR = timedelta(days=1)  # after it was settled, while Klaviyo gives no answer
MOST = 20
NOT_SENT = (State.SKIPPED, State.CANCELLED, State.FAILED)
SEEN, NOT_SEEN = "read_back", "not_read_back"  # codes of requests that were in doubt
AS_FAR_AS_KNOWN = " That is as far as is known: an earlier request went unanswered, and may have arrived."

_TOOK_IT = Q(operation=CREATE_EVENT.id, status__range=(200, 299), code__in=("", SEEN)) | Q(
    operation=mailer.OPERATION, status=mailer.TAKEN, code=""
)

log = logging.getLogger(__name__)


def taken(deliveries: Iterable[Delivery]) -> set[int]:
    """The ids of messages that have gone out, though no worker lived to say so."""
    pks = [delivery.pk for delivery in deliveries]
    return set(Delivery.objects.filter(_is_taken(), pk__in=pks).values_list("pk", flat=True))


def not_taken(deliveries: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
    """Those that can still be called off."""
    return deliveries.filter(~_is_taken())


def as_far_as_known(refusal: Outcome, delivery: Delivery) -> Outcome:
    """The refusal of a message; it says so where a request of it is in doubt."""
    is_refused = isinstance(refusal, Skipped) and delivery.attempts_made > 1
    if is_refused and refusal.reason and _unanswered().filter(deliveries=delivery).exists():
        return replace(refusal, reason=refusal.reason.saying(refusal.sentence + AS_FAR_AS_KNOWN))
    return refusal


def settle(client: Client) -> None:
    """Look for what counts as not sent as far as is known. Raises IntegrationError."""
    for delivery in _doubtful(client.connection).order_by("-place__settled_at")[:MOST]:
        with suppress(Unreadable, PermanentError):  # of one; the next may be found, and the round goes on
            if _is_there(client, delivery):
                confirm(delivery)
            else:
                _give_up(delivery)


def confirm(delivery: Delivery) -> bool:
    """It was sent, and that is told; False when that cannot be written down now."""
    send = Send.objects.filter(delivery=delivery).select_related("invite").first()
    try:
        with lock_timeout.short():
            doubts = _unanswered().filter(deliveries=delivery)
            doubts.update(status=202, code=SEEN, finished_at=timezone.now())
            found = Delivery.objects.filter(pk=delivery.pk, state__in=NOT_SENT)
            found.update(state=State.CONFIRMED, confirmed_at=Now(), reason_code="", reason="")
            if send and send.kind == Send.Kind.INVITE:
                lifecycle.went_out(send.invite)
    except lock_timeout.Busy:
        log.info("Delivery %s is at Klaviyo; that is written down in a while.", delivery.pk)
        return False
    return True


def _give_up(delivery: Delivery) -> None:
    """Requests of some minutes ago never arrived; then the delivery's reason holds without reserve."""
    doubts = _unanswered().filter(deliveries=delivery)
    doubts.filter(started_at__lt=timezone.now() - SHOWS_WITHIN).update(code=NOT_SEEN, finished_at=timezone.now())
    if not doubts.exists():
        same = Delivery.objects.filter(pk=delivery.pk, state__in=NOT_SENT)
        same.update(reason=Replace("reason", Value(AS_FAR_AS_KNOWN), Value("")))


def _doubtful(connection: Connection) -> "QuerySet[Delivery]":
    """Those that are not of the erased, of whom nothing is left to look for."""
    lately = {"place__is_named__in": Place.ANY_NAMED, "place__settled_at__gt": Now() - LOOKED_FOR}
    rows = Delivery.objects.filter(place__connection=connection, place__state__in=NOT_SENT, **lately)
    asked = _unanswered().filter(deliveries=OuterRef("pk"))
    return rows.filter(Exists(asked.order_by()), kind=contents.Event.kind, send__isnull=False).exclude(body={})


def _unanswered() -> "QuerySet[Attempt]":
    """Requests to record one event of which nobody knows what became; the latest first."""
    asked = Attempt.objects.filter(operation=CREATE_EVENT.id).exclude(code=NOT_SEEN)
    return asked.exclude(_TOOK_IT | attempts.NEVER_LEFT | attempts.REFUSED).order_by("-pk")


def _is_there(client: Client, delivery: Delivery) -> bool:
    """Whether Klaviyo holds the event; asked about by its own time, which the body has frozen."""
    # Nobody can ask by unique_id: https://developers.klaviyo.com/en/reference/get_events
    told = Recorded.in_body(delivery.body)
    return events.is_there(client, told.unique_id, told.at or delivery.occurred_at, [delivery])


def _is_taken() -> Exists:
    return Exists(Attempt.objects.filter(_TOOK_IT, deliveries=OuterRef("pk")))
