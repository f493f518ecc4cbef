"""Retry by an operator: queues deliveries again, and wakes the workers."""

from django.db import transaction
from django.db.models import QuerySet

from integrations import outbox, reasons
from integrations.models import Connection, Delivery
from integrations.outbox import retention, wake_ups


def again(deliveries: "QuerySet[Delivery]") -> int:
    """Queue them for now, with the same body and id; how many.

    Accepted and confirmed ones are left alone, those of which nothing is kept any more, those that were not sent for
    good, and those whose account is not connected: these go by themselves once it is.
    """
    deliveries = retention.sendable(
        deliveries.exclude(state=Delivery.State.SKIPPED, reason_code__in=reasons.for_good())
    )
    with transaction.atomic():
        named = list(deliveries.order_by().values_list("connection", flat=True).distinct())
        connected = Connection.objects.filter(pk__in=named, state=Connection.State.CONNECTED)
        concerned = list(connected.values_list("pk", flat=True))
        deliveries = deliveries.filter(connection__in=concerned)
        count = outbox.retry(deliveries)
        for connection_id in concerned:
            wake_ups.on_commit(connection_id)
    return count


def for_good(deliveries: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
    """Those of them that were not sent, for a reason that does not end."""
    return deliveries.filter(state=Delivery.State.SKIPPED, reason_code__in=reasons.for_good())
