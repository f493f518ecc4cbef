"""Missing events: accepted by Klaviyo, but not shown there. They are sent once more, or reported to an operator."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from time import monotonic

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from integrations.models import Connection, Delivery
from integrations.outbox import wake_ups
from integrations.reasons import Reason, Who, declare
from klaviyo.api import events
from klaviyo.api.client import Client
from klaviyo.confirmation import match
from klaviyo.confirmation.time_ranges import TimeRanges
from klaviyo.mapping import contents
from klaviyo.mapping.contents import message_of
from klaviyo.models import Miss, Reading

State = Delivery.State

PATIENCE = timedelta(minutes=10)  # where Klaviyo shows what came later
LONGEST = timedelta(hours=1)  # where nothing came later, or nothing later shows either: Klaviyo may just be slow
AT_ONCE = 1_000
LOOKS_FOR_SECONDS = 20.0

AGAIN = declare(
    "not_shown",
    "Sent once more",
    "Klaviyo took it and does not show it; it is sent once more, under the same id.",
    because="Klaviyo took it and does not show it, so it is sent once more",
    means="It goes under the same id: if Klaviyo has it after all, it keeps the first.",
    who=Who.ITSELF,
)
REPORTED = match.NOT_CONFIRMED.saying("Klaviyo took it twice and does not show it.")


def see_to(client: Client, reading: Reading) -> None:
    """At the end of a round: what neither it nor the one before has found, some at a time. Raises IntegrationError.

    Before anything is made of it, it is looked for once more among all events, whatever their metric; what the time
    does not suffice for is left to the next round.
    """
    ends_at = monotonic() + LOOKS_FOR_SECONDS
    late = dict(_late(reading).order_by("place__settled_at").values_list("pk", "occurred_at")[:AT_ONCE])
    looked_for: list[int] = []
    for first, last in TimeRanges(timedelta(seconds=1)).over(sorted(late.values())):
        for page in events.between(client, first, last):
            match.confirm(reading.connection, page.events)
        looked_for += [pk for pk, occurred_at in late.items() if first <= occurred_at <= last]
        if monotonic() > ends_at:
            break
    rows = match.unconfirmed(reading.connection).filter(pk__in=looked_for)
    _send_again_or_report(reading.connection, list(rows))


def repair(connection: Connection, deliveries: Sequence[Delivery]) -> int:
    """Send again what may be, also if it was sent again before, and report the rest; how many are sent."""
    again = [delivery.pk for delivery in deliveries if _may_be_sent_again(delivery)]
    _note([delivery.pk for delivery in deliveries if not _may_be_sent_again(delivery)], match.NOT_CONFIRMED)
    return _send_again(connection, again)


def _send_again_or_report(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """What was sent again before is reported, and what needs consent, as somebody may have said no since."""
    before = set(Miss.objects.filter(delivery__in=deliveries).values_list("delivery", flat=True))
    repair(connection, [delivery for delivery in deliveries if delivery.pk not in before])
    _note(before, REPORTED)


def _may_be_sent_again(delivery: Delivery) -> bool:
    return bool(delivery.body) and not message_of(delivery)


@transaction.atomic
def _send_again(connection: Connection, pks: Collection[int]) -> int:
    """Queue them once more, as tried before: so each goes by itself, and not in a job of many."""
    Miss.objects.bulk_create([Miss(delivery_id=pk) for pk in pks], ignore_conflicts=True)
    count = _told(pks).update(
        state=State.QUEUED,
        attempts_made=1,
        next_try_at=Now(),
        settled_at=None,
        confirmed_at=None,
        reason_code=AGAIN.code,
        reason=AGAIN.sentence,
    )
    wake_ups.on_commit(connection.pk)
    return count


def _late(reading: Reading) -> "QuerySet[Delivery]":
    """What two rounds have looked for, and should show by now."""
    began_at, before = reading.began_at, reading.last_began_at
    if began_at is None or before is None:
        return Delivery.objects.none()
    confirmed = Delivery.objects.filter(
        place__connection=reading.connection,
        place__state=State.CONFIRMED,
        place__is_named=True,
        kind=contents.Event.kind,
    )
    shown = confirmed.order_by("-place__settled_at").values_list("settled_at", flat=True).first() or reading.since
    is_late = Q(place__settled_at__lt=min(began_at - PATIENCE, shown)) | Q(place__settled_at__lt=began_at - LONGEST)
    rows = match.unconfirmed(reading.connection).filter(place__settled_at__gt=reading.since)
    return rows.filter(is_late, place__settled_at__lte=before)


def _note(pks: Collection[int], reason: Reason) -> None:
    _told(pks).update(state=State.ACCEPTED, confirmed_at=None, reason_code=reason.code, reason=reason.sentence)


def _told(pks: Collection[int]) -> "QuerySet[Delivery]":
    """Not of whom was erased since: there is nothing to send, and nothing to be seen."""
    told = Delivery.objects.filter(pk__in=pks, state__in=(State.ACCEPTED, State.CONFIRMED))
    return told.exclude(match.NAMES_NOBODY)
