"""Sends that have left although no worker lived to say so, and those of which nobody knows."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from integrations.mail import mailer
from integrations.models import Attempt, Delivery
from integrations.wire import attempts
from klaviyo.api.events import CREATE_EVENT

SEEN = "read_back"  # the code of an attempt whose event was found at Klaviyo afterwards

_TOOK_IT = Q(operation=CREATE_EVENT.id, status__range=(200, 299), code__in=("", SEEN)) | Q(
    operation=mailer.OPERATION, status=mailer.TAKEN, code=""
)


def among(deliveries: Iterable[Delivery]) -> set[int]:
    """The ids of those that were taken."""
    pks = [delivery.pk for delivery in deliveries]
    return set(Delivery.objects.filter(_is_taken(), pk__in=pks).values_list("pk", flat=True))


def without(deliveries: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
    """Those that can still be called off."""
    return deliveries.filter(~_is_taken())


def unanswered() -> "QuerySet[Attempt]":
    """Requests to record one event of which nobody knows what became; the latest first."""
    asked = Attempt.objects.filter(operation=CREATE_EVENT.id)
    return asked.exclude(_TOOK_IT | attempts.NEVER_LEFT | attempts.REFUSED).order_by("-pk")


def note_seen(found: "QuerySet[Attempt]") -> None:
    """What nobody knew is known: the event stands at Klaviyo."""
    found.update(status=202, code=SEEN, finished_at=timezone.now())


def _is_taken() -> Exists:
    return Exists(Attempt.objects.filter(_TOOK_IT, deliveries=OuterRef("pk")))
