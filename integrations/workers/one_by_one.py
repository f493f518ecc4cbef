"""Works through a claimed batch: one delivery after the other, until the time is up or a kind cannot go on."""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from time import monotonic

from integrations import errors, outbox, outcomes, pauses, providers, shutdown
from integrations.errors import IntegrationError, ItsOwn, PermanentError, ReconnectRequired, Throttled
from integrations.models import Connection, Delivery
from integrations.outbox import rate_limited
from integrations.outcomes import Accepted, CalledOff, Outcome, Retry
from integrations.pauses import circuit_breaker
from integrations.reasons import Who, declare
from integrations.wire.attempts import INTERNAL_ERROR

BUSY = declare(
    "busy",
    "Its turn comes",
    "The batch took long; this one is next.",
    because="it is the next in line",
    means="A large batch took long.",
    who=Who.ITSELF,
)
NOT_REACHED = Retry(BUSY)
TOGETHER_SECONDS, TOGETHER = 0.5, 50  # what was plainly taken is written some at a time
LONGEST_SECONDS = 12.0  # with the slowest last item still within the lease; and consent is never much older

Send = Callable[[Delivery], Outcome | None]

log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Work:
    """A batch of one connection that is worked through; `stopped` says why a kind, or everything, cannot go on."""

    connection: Connection
    ends_at: float = field(default_factory=lambda: monotonic() + LONGEST_SECONDS)
    stopped: dict[str, IntegrationError] = field(default_factory=dict)

    def trouble(self, kind: str) -> IntegrationError | None:
        return self.stopped.get(pauses.EVERYTHING) or self.stopped.get(kind)


def deliver(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Deliver a claimed batch as the kinds of its provider say."""
    provider, work = providers.get(connection.provider), Work(connection=connection)
    order = {kind.name: kind.order for kind in provider.kinds}
    in_order = sorted(deliveries, key=lambda delivery: (order.get(delivery.kind, 0), delivery.pk))
    through(work, in_order, lambda delivery: provider.kind(delivery.kind).send(work, delivery))


def through(work: Work, deliveries: Sequence[Delivery], send: Send) -> None:
    """Send and settle each; what cannot be got to is given back together, as it was."""
    left, taken = list[Delivery](), _Taken()
    try:
        for delivery in deliveries:
            if monotonic() > work.ends_at or shutdown.asked() or isinstance(work.trouble(delivery.kind), Throttled):
                left.append(delivery)
            else:
                settle_each([delivery], partial(_outcome, work, send), taken)
                taken.write_in_time()
    finally:
        taken.write()
    for kind, error in work.stopped.items():
        if isinstance(error, Throttled) and not isinstance(error, circuit_breaker.Frozen):
            mine = [delivery for delivery in left if delivery.kind == kind]
            left = [delivery for delivery in left if delivery.kind != kind]
            rate_limited.for_budget(work.connection, mine, error)
    outbox.give_back(left, NOT_REACHED)


class _Taken:
    """What was taken, and may be sent again, waits for others to be written with: whoever dies meanwhile repeats it."""

    def __init__(self) -> None:
        self._rows: list[Delivery] = []
        self._since = 0.0

    def add(self, delivery: Delivery) -> None:
        self._since = self._since if self._rows else monotonic()
        self._rows.append(delivery)

    def write_in_time(self) -> None:
        if len(self._rows) >= TOGETHER or monotonic() > self._since + TOGETHER_SECONDS:
            self.write()

    def write(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            outbox.settle_taken(rows)


def settle_each(
    deliveries: Iterable[Delivery], decide: Callable[[Delivery], Outcome], taken: _Taken | None = None
) -> None:
    """Settle deliveries one by one as `decide` says; a row that breaks our own code never takes the others along."""
    for delivery in deliveries:
        try:
            outcome = decide(delivery)
            if taken is not None and delivery.answered and outbox.is_plain(delivery, outcome):
                taken.add(delivery)
            else:
                outbox.settle(delivery, outcome)
        except Exception as error:
            outbox.settle(_as_stored(delivery), broken(delivery.connection_id, error))


def broken(connection_id: int, error: Exception) -> Outcome:
    """A fault of our own."""
    log.error("A delivery of connection %s broke off: %s", connection_id, errors.without_message(error))
    return outcomes.Retry(INTERNAL_ERROR)


def _outcome(work: Work, send: Send, delivery: Delivery) -> Outcome:
    if error := work.trouble(delivery.kind):
        return _after(error)
    try:
        return send(delivery) or Accepted()
    except CalledOff as reason:
        return reason.outcome
    except IntegrationError as error:
        counts = circuit_breaker.note(work.connection, error, [delivery])
        _stop(work, delivery, counts)
        return outcomes.of(counts)


def _stop(work: Work, delivery: Delivery, error: IntegrationError) -> None:
    """A refused item concerns itself; everything else would meet the next item of its kind as well."""
    if isinstance(error, ReconnectRequired):
        work.stopped = {pauses.EVERYTHING: error}
    elif not isinstance(error, PermanentError | ItsOwn):
        work.stopped[delivery.kind] = error


def _after(error: IntegrationError) -> Outcome:
    """The outcome of those behind one that met an error: held like it, or later, without having been tried."""
    outcome = outcomes.of(error)
    if not isinstance(outcome, Retry):
        return outcome
    return Retry(outcome.reason, after=outcomes.wait_after(error), refund=True)


def _as_stored(delivery: Delivery) -> Delivery:
    """The row without what was put on it since, which may be what cannot be stored."""
    stored = Delivery.objects.get(pk=delivery.pk)
    stored.lease, stored.answered = delivery.lease, delivery.answered
    return stored
