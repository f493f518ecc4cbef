"""What a worker does when it is woken: deliver what is due, a batch at a time, or heal the queue."""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta

from django.db.models.functions import Now

from integrations import outbox, outcomes, pauses, providers, shutdown
from integrations.errors import IntegrationError
from integrations.models import Connection, Delivery
from integrations.outbox import wake_ups
from integrations.outcomes import Outcome
from integrations.pauses import circuit_breaker, provider_wide
from integrations.providers import Bulk
from integrations.wire.attempts import INTERNAL_ERROR
from integrations.workers import account_slots, batches

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
    ends_at = time.monotonic() + QUANTUM_SECONDS
    while time.monotonic() < ends_at:
        connection = Connection.objects.filter(pk=connection_id).first()
        if not connection or shutdown.asked() or outbox.is_well_served(connection_id) or not _round(connection):
            return False
    return True


def _round(connection: Connection) -> bool:
    """Claim and deliver a batch of each sort that waits; whether there was any."""
    was_any = False
    for batch, bulk in batches.batches(connection):
        if batch:
            was_any = True
            _call_for_help(connection, batch, bulk)
            deliver(connection, batch, bulk)
        if shutdown.asked():
            return False
    return was_any


def _call_for_help(connection: Connection, batch: Sequence[Delivery], bulk: Bulk | None) -> None:
    """A batch that is full has more behind it, which another worker may begin with."""
    if len(batch) >= (bulk.most if bulk else outbox.BATCH):
        wake_ups.now(connection.pk)


def deliver(connection: Connection, batch: Sequence[Delivery], bulk: Bulk | None = None) -> None:
    """Hand a claimed batch to its provider; what stops the batch as a whole is each row's outcome."""
    handed_to = bulk.deliver if bulk else providers.get(connection.provider).deliver
    try:
        handed_to(connection, batch)
    except IntegrationError as error:
        circuit_breaker.note(connection, error)
        frozen = provider_wide.note(batch, error)
        outcome = provider_wide.waits(frozen) if frozen else outcomes.of(error)
    except Exception as error:
        outcome = _broken(connection.pk, error)
    else:
        pauses.passed(connection, batch)
        return
    settle_each(batch, lambda _: outcome)


def settle_each(deliveries: Iterable[Delivery], decide: Callable[[Delivery], Outcome]) -> None:
    """Settle deliveries one by one as `decide` says; a row that breaks our own code never takes the others along."""
    for delivery in deliveries:
        try:
            outbox.settle(delivery, decide(delivery))
        except Exception as error:
            outbox.settle(_as_stored(delivery), _broken(delivery.connection_id, error))


def _as_stored(delivery: Delivery) -> Delivery:
    """The row without what was put on it since, which may be what cannot be stored."""
    stored = Delivery.objects.get(pk=delivery.pk)
    stored.lease = delivery.lease
    return stored


def sweep() -> None:
    """Every few seconds: nothing in the queue depends on a message having arrived."""
    outbox.give_back_expired()
    outbox.cancel_late()
    outbox.hold_strays()
    pauses.forget_old()
    for connection_id in outbox.connections_with_work():
        if not outbox.is_well_served(connection_id):
            wake_ups.now(connection_id, again=True)


def _broken(connection_id: int, error: Exception) -> Outcome:
    """A fault of our own: logged where it arose, without its message, which may hold a person's data."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("A delivery of connection %s broke off: %s\n%s", connection_id, type(error).__name__, where)
    return outcomes.Retry(INTERNAL_ERROR)
