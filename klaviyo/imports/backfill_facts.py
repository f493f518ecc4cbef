"""Backfill of facts: what happened in a span of the past, told as events with their own times, which start no flow.

Each is a delivery like any other, with the key of its fact: what the account was told of once is not told again. They
are queued some at a time, and only while few others wait, so that what happens now never stands behind them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from integrations.models import Delivery, Job, Place
from integrations.outbox import Order
from integrations.outbox.due import FRESH
from klaviyo.delivery import stored_since
from klaviyo.delivery.stored_since import Kind
from klaviyo.mapping import contents, orders
from klaviyo.mapping.events import Event
from klaviyo.models import Backfill, StoreSetting
from referrals.models import Advocate

AT_ONCE = 500
MOST_WAITING = 1_000  # events of the account; while so many wait, no more of the past are queued
OTHERS_WAIT = "It waits until fewer events are queued for the account: what happens now goes first."
PEOPLE_FIRST = "It waits until Klaviyo is through with the people: what they did is told then."
#: What tells of nobody's act by itself: an opt-in is a request, and a refund only changes the advocate's totals.
KINDS = tuple(kind for kind in stored_since.KINDS if kind.name not in ("opted in", "refunded"))
HAPPENED = {"reversed": "reversed_at"}  # all others have `occurred_at`


class Busy(Exception):
    """Those of the past stand back; the message is a sentence that says why."""


@dataclass(frozen=True)
class Span:
    """From a moment on, until another."""

    since: datetime
    until: datetime


def number(setting: StoreSetting, span: Span) -> int:
    """How many facts there are in the span, whatever the account knows of them."""
    return sum(_of_kind(kind, setting, span).count() for kind in KINDS)


def first(setting: StoreSetting, span: Span, most: int) -> Iterator[tuple[Advocate, Event]]:
    """Some events of the span, the earliest of each kind, that the account was not told of."""
    left = most
    for kind in KINDS:
        rows = _of_kind(kind, setting, span).select_related(kind.store).order_by("pk")[: most * 2]
        told = [(fact, event) for fact in rows for event in kind.tell(fact)]
        known = _known(setting, [event for _, event in told])
        new = [(fact, event) for fact, event in told if event.key not in known]
        for fact, event in new[: max(1, left // len(KINDS))] if left else ():
            yield fact if isinstance(fact, Advocate) else fact.advocate, event
            left -= 1


def tell(backfill: Backfill) -> bool:
    """Queue the next some, and remember how far that was; False when none is left. Raises Busy."""
    span = span_of(backfill)
    if span is None:
        return False
    if imports_of(backfill).exists():  # or each event would bring its person once more
        raise Busy(PEOPLE_FIRST)
    for kind in KINDS:
        rows = _of_kind(kind, backfill.setting, span).filter(pk__gt=backfill.facts_reached.get(kind.name, 0))
        if pks := list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE]):
            _stand_back(backfill.setting)
            _tell(backfill, kind, pks)
            return True
    return False


def imports_of(backfill: Backfill) -> "QuerySet[Job]":
    """Its imports that Klaviyo still works on."""
    running = Job.objects.filter(connection=backfill.setting.connection_id, state=Job.State.RUNNING)
    return running.filter(note__backfill=backfill.pk)


def span_of(backfill: Backfill) -> Span | None:
    if backfill.facts_since is None or backfill.facts_until is None:
        return None
    return Span(backfill.facts_since, backfill.facts_until)


def of_the_past(advocate: Advocate, told: Iterable[Event], setting: StoreSetting) -> list[Order]:
    """Events as of the past, which start no flow: https://developers.klaviyo.com/en/reference/create_event.

    They are due for longer than what is fresh, so that they go as a backlog does.
    """
    made = orders.of_events(advocate, told, setting)
    due_at = timezone.now() - FRESH - timedelta(seconds=1)
    return [replace(order, body=_marked(order.body), due_at=due_at) for order in made]


def _marked(body: dict[str, Any]) -> dict[str, Any]:
    if body:  # one that cannot be told has none
        body["data"]["attributes"]["backfill"] = True
    return body


def _of_kind(kind: Kind, setting: StoreSetting, span: Span) -> "QuerySet[Any]":
    at = HAPPENED.get(kind.name, "occurred_at")
    within = {f"{at}__gte": span.since, f"{at}__lt": span.until, kind.store: setting.store_id}
    return kind.facts().filter(**within)


def _known(setting: StoreSetting, told: list[Event]) -> set[str]:
    rows = Delivery.objects.filter(connection=setting.connection_id, key__in=[event.key for event in told])
    return set(rows.values_list("key", flat=True))


def _stand_back(setting: StoreSetting) -> None:
    waiting = Place.objects.filter(
        connection=setting.connection_id, kind=contents.Event.kind, state=Delivery.State.QUEUED
    )
    if waiting[:MOST_WAITING].count() >= MOST_WAITING:
        raise Busy(OTHERS_WAIT)


@transaction.atomic
def _tell(backfill: Backfill, kind: Kind, pks: list[int]) -> None:
    """Unless the account was replaced meanwhile: the new one has heard of none."""
    here = StoreSetting.objects.filter(pk=backfill.setting_id, connection=backfill.setting.connection_id)
    if not here.select_for_update(no_key=True).values_list("pk").first():
        return
    queued = stored_since.tell_all(backfill.setting, kind, pks, of_the_past)
    row = Backfill.objects.select_for_update().get(pk=backfill.pk)
    if row.facts_reached != backfill.facts_reached:
        return  # another has told of them meanwhile, and counted them
    Backfill.objects.filter(pk=backfill.pk).update(
        facts_reached=row.facts_reached | {kind.name: pks[-1]},
        facts_seen=F("facts_seen") + len(pks),
        events=F("events") + queued,
        problem="",
    )
