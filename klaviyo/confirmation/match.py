"""Matching: the delivery that an event at Klaviyo belongs to, which is confirmed with it."""

import uuid
from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from integrations.models import Connection, Delivery
from integrations.reasons import Who, declare
from klaviyo.api.answers import words
from klaviyo.api.events import Event
from klaviyo.mapping import contents, events
from klaviyo.mapping.catalogue import METRICS

State = Delivery.State

NOT_CONFIRMED = declare(
    "not_confirmed",
    "Not seen at Klaviyo",
    "Klaviyo took it and does not show it. It is not sent again by itself.",
    because="Klaviyo took it, and does not show it",
    means="Klaviyo answered that it took the event, but the event cannot be read back, also after it was sent again. "
    "An invite or a reminder is not sent again by itself.",
    who=Who.ACCOUNT,
    do="Look at the person's profile in Klaviyo. `manage.py reconcile` looks for it once more, and with `--repair` "
    "sends it again where no consent is needed.",
)
NAMES_NOBODY = Q(subject="", body={})  # the person was erased, or all this is old
NAMES = frozenset(metric.name for metric in METRICS.values())


def key(event: Event) -> str | None:
    """The key of the delivery that told it, as its unique_id proves; None for an event that is none of ours.

    The fact's id stands in the event, and the unique_id is made from it and the metric: no table of ids is needed.
    """
    fact = words(event.properties.get("fact_id"))
    candidates = (f"{metric}:{fact}" for metric in METRICS) if fact else ()
    return next((one for one in candidates if unique_id(one) == event.unique_id), None)


def unique_id(key: str) -> str:
    return str(uuid.uuid5(events.NAMESPACE, key))


def name(key: str) -> str:
    """The metric's name at Klaviyo, from the key of a delivery; empty for one of no metric that is known."""
    metric = METRICS.get(key.partition(":")[0])
    return metric.name if metric else ""


def confirm(connection: Connection, found: Iterable[Event]) -> int:
    """Confirm what was found among the deliveries that were accepted, in one go; how many."""
    keys = {one for event in found if (one := key(event))}
    mine = Delivery.objects.filter(connection=connection, key__in=keys, kind=contents.Event.kind)
    return confirm_those(mine) if keys else 0


def confirm_those(deliveries: "QuerySet[Delivery]") -> int:
    """Confirm, of deliveries that were seen, those that were accepted; how many."""
    taken = deliveries.filter(state=State.ACCEPTED)
    return taken.update(state=State.CONFIRMED, confirmed_at=Now(), reason_code="", reason="")


def unconfirmed(connection: Connection) -> "QuerySet[Delivery]":
    """What Klaviyo has taken and was neither seen there nor given up; of the erased, nothing is there any more."""
    rows = Delivery.objects.filter(place__connection=connection, place__state=State.ACCEPTED, kind=contents.Event.kind)
    rows = rows.filter(place__is_named=True)  # as every event's is whose person is kept; and so by index, in order
    return rows.exclude(reason_code=NOT_CONFIRMED.code).exclude(NAMES_NOBODY)
