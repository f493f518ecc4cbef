"""What a worker does when it is woken: deliver what is due, a batch at a time, or heal the queue."""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Sequence

from integrations import outbox, outcomes, providers, waking
from integrations.errors import IntegrationError
from integrations.models import Connection, Delivery
from integrations.outcomes import Outcome

QUANTUM_SECONDS = 10.0  # then the worker takes another connection

log = logging.getLogger(__name__)


def drain(connection_id: int) -> None:
    """Claim and deliver batches of one connection until nothing is due or the time is up."""
    ends_at = time.monotonic() + QUANTUM_SECONDS
    while time.monotonic() < ends_at:
        connection = Connection.objects.filter(pk=connection_id).first()
        if not connection or outbox.is_well_served(connection_id) or not (batch := outbox.claim(connection)):
            return
        deliver(connection, batch)
    waking.now(connection_id)


def deliver(connection: Connection, batch: Sequence[Delivery]) -> None:
    """Hand a claimed batch to its provider; what stops the batch as a whole is each row's outcome."""
    try:
        providers.get(connection.provider).deliver(connection, batch)
    except IntegrationError as error:
        outcome = outcomes.of(error)
    except Exception as error:
        outcome = _broken(connection.pk, error)
    else:
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
    for connection_id in outbox.connections_with_work():
        if not outbox.is_well_served(connection_id):
            waking.now(connection_id)


def _broken(connection_id: int, error: Exception) -> Outcome:
    """A fault of our own: logged where it arose, without its message, which may hold a person's data."""
    where = "".join(traceback.format_tb(error.__traceback__))
    log.error("A delivery of connection %s broke off: %s\n%s", connection_id, type(error).__name__, where)
    return outcomes.Retry("internal_error", "Something went wrong at our side.")
