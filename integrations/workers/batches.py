"""Batches that a worker claims of an account: fresh facts first, a backlog after them, many of one kind together.

While little waits, up to BATCH deliveries of any kind are taken, to be sent one by one at once. From `bulk_from`
waiting ones of a kind that its provider takes in bulk, they go as many as fit into one request: mostly the oldest,
and a few of the newest, so that a new fact does not wait behind a backlog. On a slow day it is fewer (see `tempo`).
"""

import random
from collections.abc import Collection, Iterator, Sequence
from functools import partial

from django.utils import timezone

from integrations import outbox, pauses, providers
from integrations.models import Connection, Delivery
from integrations.outbox import Lot, Waiting, Window, wake_ups
from integrations.pauses import Rest
from integrations.providers import Many
from integrations.workers import tempo

NEWEST = 10  # of a hundred in a bulk request

Batch = tuple[list[Delivery], Many | None]


def batches(connection: Connection) -> Iterator[Batch]:
    """One round: each batch is claimed when it is asked for. With the kind's Many where it is to go in one request."""
    rest = pauses.of(connection)
    if pauses.EVERYTHING in rest.resting | rest.on_trial:
        if pauses.EVERYTHING not in rest.resting:
            yield _one(connection, [lot for lot in outbox.lots(connection) if lot.kind not in rest.resting]), None
        return
    awake = [lot for lot in outbox.lots(connection) if lot.kind not in rest.resting | rest.on_trial]
    yield _suspects(connection, {lot.kind for lot in awake} - rest.backlog_resting)
    for kind in rest.on_trial:
        yield _one(connection, outbox.lots(connection, [kind])), None
    waiting = outbox.sizes(connection.pk, awake, max(_least(connection), outbox.BATCH) + 1)
    many = _in_bulk(connection, waiting)
    yield from _one_by_one(connection, [lot for lot in waiting if lot not in many], waiting, rest)
    for lot, bulk in many.items():
        if lot.kind not in rest.backlog_resting and not _must_wait(connection, lot.kind, bulk):
            most = tempo.most(connection.pk, lot.kind, bulk.most)
            yield outbox.claim(connection, most, [lot], newest=NEWEST, waits=bulk.behind), bulk


def _one_by_one(
    connection: Connection, lots: Sequence[Lot], waiting: dict[Lot, Waiting], rest: Rest
) -> Iterator[Batch]:
    """Fresh facts before a backlog."""
    if not lots:
        return
    most = partial(tempo.most, connection.pk, tempo.ONE_BY_ONE, outbox.BATCH)
    yield outbox.claim(connection, most(), lots, Window(backlog=False)), None
    old = [lot for lot in lots if waiting[lot].has_backlog and lot.kind not in rest.backlog_resting]
    if old:
        yield outbox.claim(connection, most(), old, Window(fresh=False)), None


def _suspects(connection: Connection, kinds: Collection[str]) -> Batch:
    """What a dead worker held, apart from all else; few of them go one by one."""
    batch = outbox.claim_suspects(connection, kinds)
    least = _least(connection)
    is_many = batch and least and len(batch) > least and batch[0].attempts_made <= batch[0].shared_tries
    kind = providers.get(connection.provider).kind(batch[0].kind) if is_many else None
    return batch, kind.many if kind else None


def _one(connection: Connection, lots: Sequence[Lot]) -> list[Delivery]:
    """To find out whether trouble is over: the oldest or the newest, as something may be wrong with the one itself."""
    return outbox.claim(connection, 1, lots, newest=random.choice((0, 100)))  # noqa: S311  (no secret)


def is_backlog(deliveries: Sequence[Delivery]) -> bool:
    """Whether a batch has waited long enough to leave room for what is fresh."""
    return all(delivery.next_try_at <= timezone.now() - outbox.FRESH for delivery in deliveries)


def has_backlog(connection: Connection) -> bool:
    """Whether so much waits that it goes in bulk."""
    together = [lot for lot in outbox.lots(connection) if not lot.is_alone]
    return bool(_in_bulk(connection, outbox.sizes(connection.pk, together, _least(connection) + 1)))


def _must_wait(connection: Connection, kind: str, bulk: Many) -> bool:
    """Without room for its request nothing is claimed; the kind rests, and a worker is woken in time."""
    if wait := bulk.wait(connection):
        pauses.throttle(connection, kind, wait, backlog_only=True)
        wake_ups.later(connection.pk, wait)
    return bool(wait)


def _least(connection: Connection) -> int:
    return providers.get(connection.provider).bulk_from()


def _in_bulk(connection: Connection, waiting: dict[Lot, Waiting]) -> dict[Lot, Many]:
    """The lots of which so many wait that they go in bulk, in the order of their provider's kinds."""
    least, provider = _least(connection), providers.get(connection.provider)
    if not least:
        return {}
    large = [lot for lot, due in waiting.items() if not lot.is_alone and due.number > least]
    return {lot: many for lot in large if (many := provider.kind(lot.kind).many)}
