"""Sends that have left although no worker lived to say so: its record says that they were taken."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q, QuerySet

from integrations.models import Attempt, Delivery
from klaviyo import mailing
from klaviyo.api.events import CREATE_EVENT

_TOOK_IT = Q(operation=CREATE_EVENT.id, status__in=CREATE_EVENT.success) | Q(
    operation=mailing.OPERATION, status=mailing.TAKEN
)


def among(deliveries: Iterable[Delivery]) -> set[int]:
    """The ids of those that were taken."""
    pks = [delivery.pk for delivery in deliveries]
    return set(Delivery.objects.filter(_is_taken(), pk__in=pks).values_list("pk", flat=True))


def without(deliveries: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
    """Those that can still be called off."""
    return deliveries.filter(~_is_taken())


def _is_taken() -> Exists:
    return Exists(Attempt.objects.filter(_TOOK_IT, code="", deliveries=OuterRef("pk")))
