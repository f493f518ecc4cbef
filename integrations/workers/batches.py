"""Batches that a worker claims of an account: fresh facts first, a backlog after them, many of one kind together.

While little waits, up to BATCH deliveries of any kind are taken, to be sent one by one at once. From `bulk_from`
waiting ones of a kind that its provider takes in bulk, they go as many as fit into one request: mostly the oldest,
and a few of the newest, so that a new fact does not wait behind a backlog.
"""

import random
from collections.abc import Iterator, Sequence

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from integrations import outbox, pauses, providers
from integrations.models import Connection, Delivery
from integrations.outbox import wake_ups
from integrations.providers import Many

NEWEST = 10  # of a hundred in a bulk request

Rows = QuerySet[Delivery]


def batches(connection: Connection) -> Iterator[tuple[list[Delivery], Many | None]]:
    """One round: each batch is claimed when it is asked for. With the kind's Many where it is to go in one request."""
    rest = pauses.of(connection)
    due = outbox.due(connection).exclude(kind__in=rest.resting)
    if pauses.EVERYTHING in rest.resting | rest.on_trial:
        if pauses.EVERYTHING not in rest.resting:
            yield _one(connection, due), None
        return
    for kind in rest.on_trial:
        yield _one(connection, due.filter(kind=kind)), None
    due = due.exclude(kind__in=rest.on_trial)
    many = _bulks(connection, due)
    alone = _without(due, many)
    yield outbox.claim(connection, rows=alone.filter(next_try_at__gt=Now() - outbox.FRESH)), None
    backlog = alone.filter(next_try_at__lte=Now() - outbox.FRESH).exclude(kind__in=rest.backlog_resting)
    yield outbox.claim(connection, rows=backlog), None
    for kind, bulk in many.items():
        if kind not in rest.backlog_resting and not _must_wait(connection, kind, bulk):
            yield outbox.claim(connection, bulk.most, rows=due.filter(bulk.only, kind=kind), newest=NEWEST), bulk


def _one(connection: Connection, rows: Rows) -> list[Delivery]:
    """To find out whether trouble is over: the oldest or the newest, as something may be wrong with the one itself."""
    return outbox.claim(connection, 1, rows=rows, newest=random.choice((0, 100)))  # noqa: S311  (no secret)


def is_backlog(deliveries: Sequence[Delivery]) -> bool:
    """Whether a batch has waited long enough to leave room for what is fresh."""
    return all(delivery.next_try_at <= timezone.now() - outbox.FRESH for delivery in deliveries)


def has_backlog(connection: Connection) -> bool:
    """Whether so much waits that it goes in bulk."""
    return bool(_bulks(connection, outbox.due(connection)))


def _must_wait(connection: Connection, kind: str, bulk: Many) -> bool:
    """Without room for its request nothing is claimed; the kind rests, and a worker is woken in time."""
    if wait := bulk.wait(connection):
        pauses.throttle(connection, kind, wait, backlog_only=True)
        wake_ups.later(connection.pk, wait)
    return bool(wait)


def _bulks(connection: Connection, due: Rows) -> dict[str, Many]:
    """The kinds of which so many wait that they go in bulk, by name."""
    provider = providers.get(connection.provider)
    least = provider.bulk_from()
    if not least or due.order_by()[: least + 1].count() <= least:
        return {}
    bulks = {kind.name: kind.many for kind in provider.kinds if kind.many}
    return {kind: bulk for kind, bulk in bulks.items() if _is_many(due.filter(bulk.only, kind=kind), least)}


def _is_many(rows: Rows, least: int) -> bool:
    return rows.order_by()[: least + 1].count() > least


def _without(due: Rows, many: dict[str, Many]) -> Rows:
    for kind, bulk in many.items():
        due = due.exclude(bulk.only, kind=kind)
    return due
