"""The worker: when it is woken it delivers what is due, a batch at a time, or heals the queue (the sweep)."""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta

from django.db.models.functions import Now

from integrations import outbox, outcomes, pauses, providers, shutdown
from integrations.errors import IntegrationError
from integrations.models import Connection, Delivery
from integrations.outbox import chores, held_messages, wake_ups
from integrations.outcomes import CalledOff
from integrations.pauses import circuit_breaker, message_hold
from integrations.providers import Many
from integrations.workers import account_slots, batches, one_by_one, tempo

QUANTUM_SECONDS = 2.0  # then the worker takes another connection
WHEN_FULL = timedelta(milliseconds=200)  # until it is worth looking whether there is room again

log = logging.getLogger(__name__)


def drain(connection_id: int) -> None:
    """Deliver what is due on one connection until nothing is, or the time is up."""
    wake_ups.heard(connection_id)
    with account_slots.one(connection_id) as is_free:
        if not is_free:
            wake_ups.later(connection_id, WHEN_FULL)
        elif _is_left_over(connection_id):
            wake_ups.now(connection_id)


def _is_left_over(connection_id: int) -> bool:
    """Work through one connection's turn; whether there is more to do than fits into it."""
    Connection.objects.filter(pk=connection_id).update(served_at=Now())
    if outbox.is_taking_back(connection_id):
        return False
    ends_at = time.monotonic() + QUANTUM_SECONDS
    while time.monotonic() < ends_at:
        connection = Connection.objects.filter(pk=connection_id).first()
        if not connection or shutdown.asked() or outbox.is_well_served(connection_id) or not _round(connection):
            return False
    return True


def _round(connection: Connection) -> bool:
    """Claim and deliver a batch of each sort that waits; whether there was any."""
    was_any = False
    for batch, many in batches.batches(connection):
        if batch:
            was_any = True
            allowed = many.most if many else outbox.BATCH
            kind = batch[0].kind if many else tempo.ONE_BY_ONE
            is_full = len(batch) >= tempo.most(connection.pk, kind, allowed)
            if is_full and not tempo.is_slow(connection.pk, kind):
                wake_ups.now(connection.pk)  # there is more behind it, which another worker may begin with
            with tempo.of(connection.pk, kind, len(batch), allowed):
                deliver(connection, batch, many)
        if shutdown.asked():
            return False
    return was_any


def deliver(connection: Connection, batch: Sequence[Delivery], many: Many | None = None) -> None:
    """Hand a claimed batch to its provider; what stops the batch as a whole is each row's outcome."""
    try:
        _hand_over(connection, batch, many)
    finally:
        outbox.end(batch)


def _hand_over(connection: Connection, batch: Sequence[Delivery], many: Many | None) -> None:
    handed_to = many.deliver if many else providers.get(connection.provider).deliver or one_by_one.deliver
    try:
        handed_to(connection, batch)
    except IntegrationError as error:
        outcome = outcomes.of(circuit_breaker.note(connection, error, batch))
    except CalledOff as reason:
        outcome = reason.outcome
    except Exception as error:
        outcome = one_by_one.broken(connection.pk, error)
    else:
        pauses.passed(connection, batch)
        return
    one_by_one.settle_each(batch, lambda _: outcome)


def sweep() -> None:
    """Heal the queue now: nothing in it depends on a message having arrived."""
    heal()
    tidy()


def heal() -> None:
    """Every few seconds: what dead workers held is given back, and accounts with work are known to the workers."""
    message_hold.look()
    held_messages.explain()
    outbox.give_back_expired()
    chores.go_on()
    for connection_id in outbox.connections_with_work():
        if not outbox.is_well_served(connection_id):
            wake_ups.now(connection_id, again=True)


def tidy() -> None:
    """Now and then: what came too late, and what was queued while its account was lost."""
    outbox.cancel_late()
    outbox.hold_strays()
    pauses.forget_old()
