"""Facts told: one by one with the verbs of `lifecycle`, or many at once as the same rows that those would leave."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from uuid import uuid5

from django.db import transaction
from django.utils import timezone

from integrations import outbox
from integrations.outbox import Order
from klaviyo.mapping import events, orders
from klaviyo.models import StoreSetting
from referrals.models import Advocate, Program, Visit
from tests.benchmarks.house import House

AT_ONCE = 1_000
PAGE = "https://teahouse.example/spring?utm_source=referral"


def queue_visits(program: Program, people: Sequence[Advocate], number: int, *, with_profiles: bool = False) -> None:
    """So many visits, spread evenly over the people, stored and queued as their signals would have done it.

    Each advocate's profile is queued once, as many visits in a row bring it up to date once.
    """
    setting, told = _setting(program), set[int]()
    for batch in _batches(_visits(people, number, timezone.now())):
        with transaction.atomic():
            Visit.objects.bulk_create(batch)
            told_of = _orders(batch, program, setting)
            if with_profiles:
                new = {visit.advocate.pk: visit.advocate for visit in batch if visit.advocate.pk not in told}
                told |= set(new)
                told_of += [orders.of_profile(advocate, setting) for advocate in new.values()]
            outbox.add(setting.connection_id, told_of)


def stored_visits(people: Sequence[Advocate], number: int) -> list[Visit]:
    """The host's part of it alone: so many visits, of which nobody has been told."""
    return [
        visit
        for batch in _batches(_visits(people, number, timezone.now()))
        for visit in Visit.objects.bulk_create(batch)
    ]


def queue(program: Program, visits: Iterable[Visit]) -> list[str]:
    """Our part of it alone; the keys of what was queued."""
    setting, keys = _setting(program), list[str]()
    for batch in _batches(visits):
        told_of = _orders(batch, program, setting)
        with transaction.atomic():
            outbox.add(setting.connection_id, told_of)
        keys += [order.key for order in told_of]
    return keys


def made_orders(program: Program, visits: Iterable[Visit]) -> list[Order]:
    """What is queued of these visits."""
    return _orders(visits, program, _setting(program))


def accepted_at(house: House, keys: Iterable[str]) -> dict[str, float]:
    """When Klaviyo had answered that it takes an event, by the key of its delivery: some time after its arrival."""
    arrived = house.klaviyo.accepted_at()
    ids = {key: number_of(key) for key in keys}
    return {key: arrived[unique_id] + house.latency for key, unique_id in ids.items() if unique_id in arrived}


def number_of(key: str) -> str:
    """By which Klaviyo knows the event of that delivery."""
    return str(uuid5(events.NAMESPACE, key))


def _orders(visits: Iterable[Visit], program: Program, setting: StoreSetting) -> list[Order]:
    told = [event for visit in visits for event in events.visit_recorded(visit)]
    return [orders.of_event(event, program.store.country, setting) for event in told]


def _setting(program: Program) -> StoreSetting:
    return StoreSetting.objects.select_related("connection").get(store=program.store_id)


def _visits(people: Sequence[Advocate], number: int, now: datetime) -> Iterator[Visit]:
    for index in range(number):
        yield Visit(
            advocate=people[index % len(people)],
            landing_page=PAGE,
            referrer="https://friends.example/",
            occurred_at=now,
        )


def _batches(visits: Iterable[Visit]) -> Iterator[list[Visit]]:
    left = iter(visits)
    while batch := list(islice(left, AT_ONCE)):
        yield batch
