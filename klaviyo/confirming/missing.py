"""What Klaviyo took and does not show: sent once more, or reported to whoever looks after the account."""

from collections.abc import Sequence
from datetime import timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from integrations import waking
from integrations.models import Connection, Delivery
from klaviyo import orders
from klaviyo.api import events
from klaviyo.api.client import Client
from klaviyo.confirming import matching
from klaviyo.confirming.stretches import Stretches
from klaviyo.models import Miss, Reading

State = Delivery.State

PATIENCE = timedelta(minutes=10)  # where Klaviyo shows what came later
LONGEST = timedelta(hours=1)  # where nothing came later, or nothing later shows either: Klaviyo may just be slow
AT_ONCE = 1_000

AGAIN = "not_shown", "Klaviyo took it and does not show it; it is sent once more, under the same id."
REPORTED = "not_confirmed", "Klaviyo took it twice and does not show it."
NOT_AGAIN = "not_confirmed", "Klaviyo took it and does not show it. It is not sent again by itself."


def see_to(client: Client, reading: Reading) -> None:
    """At the end of a round: what neither it nor the one before has found, some at a time. Raises IntegrationError.

    Before anything is made of it, it is looked for once more among all events, whatever their metric.
    """
    late = list(_late(reading).order_by("settled_at").values_list("pk", "occurred_at")[:AT_ONCE])
    for first, last in Stretches(timedelta(seconds=1)).over(sorted(occurred_at for _, occurred_at in late)):
        for page in events.between(client, first, last):
            matching.confirm(reading.connection, page.events)
    rows = matching.unconfirmed(reading.connection).filter(pk__in=[pk for pk, _ in late])
    send_again_or_report(reading.connection, list(rows))


def send_again_or_report(connection: Connection, deliveries: Sequence[Delivery]) -> tuple[int, int]:
    """How many are sent again, and how many were reported: those that were sent again before, or need consent."""
    again, reported, not_again = [], [], []
    before = set(Miss.objects.filter(delivery__in=deliveries).values_list("delivery", flat=True))
    for delivery in deliveries:
        if orders.message_of(delivery) or not delivery.body:
            not_again.append(delivery.pk)
        else:
            (reported if delivery.pk in before else again).append(delivery.pk)
    _note(reported, REPORTED)
    _note(not_again, NOT_AGAIN)
    return send_again(connection, again), len(reported) + len(not_again)


@transaction.atomic
def send_again(connection: Connection, pks: Sequence[int]) -> int:
    """Queue them once more; their attempts stay counted, by which each goes by itself and not in a job of many."""
    code, reason = AGAIN
    Miss.objects.bulk_create([Miss(delivery_id=pk) for pk in pks], ignore_conflicts=True)
    count = _accepted(pks).update(
        state=State.QUEUED, next_try_at=Now(), settled_at=None, reason_code=code, reason=reason
    )
    waking.on_commit(connection.pk)
    return count


def _late(reading: Reading) -> "QuerySet[Delivery]":
    """What two rounds have looked for, and should show by now."""
    began_at, before = reading.began_at, reading.last_began_at
    if began_at is None or before is None:
        return Delivery.objects.none()
    confirmed = Delivery.objects.filter(connection=reading.connection, state=State.CONFIRMED, kind="event")
    shown = confirmed.order_by("-settled_at").values_list("settled_at", flat=True).first() or reading.since
    is_late = Q(settled_at__lt=min(began_at - PATIENCE, shown)) | Q(settled_at__lt=began_at - LONGEST)
    rows = matching.unconfirmed(reading.connection).filter(settled_at__gt=reading.since)
    return rows.filter(is_late, settled_at__lte=before)


def _note(pks: Sequence[int], words: tuple[str, str]) -> None:
    _accepted(pks).update(reason_code=words[0], reason=words[1])


def _accepted(pks: Sequence[int]) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(pk__in=pks, state=State.ACCEPTED)
