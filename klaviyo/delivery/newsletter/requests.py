"""Subscribe jobs on record: taken or refused by Klaviyo, in doubt, or about to be sent by another worker."""

from datetime import timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations.models import Attempt, Delivery, Lease
from integrations.wire import attempts
from klaviyo.api import subscriptions
from klaviyo.delivery.newsletter import enqueue
from klaviyo.mapping.contents import Subscribe

SUBSCRIBE, UNSUBSCRIBE = subscriptions.BULK_SUBSCRIBE_PROFILES.id, subscriptions.BULK_UNSUBSCRIBE_PROFILES.id


def was_taken(delivery: Delivery, operation: str, after: int = 0) -> bool:
    """Whether Klaviyo took it from a worker that did not live to say so; `after` that attempt."""
    return delivery.attempts.filter(attempts.TAKEN, operation=operation, pk__gt=after).exists()


def unanswered(delivery: Delivery, operation: str) -> Attempt | None:
    """The last request of which nobody knows what became, and nobody has been told.

    A worker that died left one as well, as its request may have left. Whoever retries after they were told has
    taken it upon them.
    """
    told = Subscribe.of(delivery).unanswered_attempt or (delivery.evidence or {}).get("unanswered_attempt", 0)
    unknown = delivery.attempts.filter(operation=operation, pk__gt=told).exclude(
        attempts.TAKEN | attempts.NEVER_LEFT | attempts.REFUSED
    )
    return unknown.order_by("-pk").first()


def latest(delivery: Delivery, within: timedelta) -> Attempt | None:
    """The latest subscribe job of the person that Klaviyo took, or may have taken."""
    return _jobs(delivery).filter(started_at__gt=timezone.now() - within).order_by("-started_at").first()


def is_overtaken(delivery: Delivery, within: timedelta) -> bool:
    """Whether another job of the person is on record beside the one that is about to leave."""
    own = delivery.attempts.filter(operation=SUBSCRIBE).order_by("-pk").values("pk")[:1]
    return _jobs(delivery).filter(started_at__gt=timezone.now() - within).exclude(pk__in=own).exists()


def is_in_other_hands(delivery: Delivery) -> bool:
    """Whether another worker is forwarding a yes or a no of the person right now."""
    live = Lease.objects.filter(connection=delivery.connection_id, until__gt=Now()).values("pk")
    sending = enqueue.words_of(delivery).filter(state=Delivery.State.SENDING, lease__in=live)
    return sending.exclude(lease=delivery.lease).exists()


def _jobs(delivery: Delivery) -> "QuerySet[Attempt]":
    told = enqueue.words_of(delivery).values_list("pk", flat=True)
    made = Attempt.objects.filter(operation=SUBSCRIBE, deliveries__in=list(told))
    return made.exclude(attempts.NEVER_LEFT | attempts.REFUSED)
