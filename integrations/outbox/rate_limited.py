"""Rate limited: the kind of deliveries for which an account has no room now rests, and they wait as they did."""

from collections.abc import Sequence

from integrations import outbox, outcomes, pauses
from integrations.errors import IntegrationError, Throttled
from integrations.models import Connection, Delivery
from integrations.outbox import wake_ups
from integrations.outcomes import Outcome, Retry


def for_budget(
    connection: Connection, deliveries: Sequence[Delivery], error: Throttled, going: Sequence[Delivery] = ()
) -> None:
    """Give them back until the budget opens again; a worker is woken then. The kinds of what is `going` do not rest."""
    moving = {delivery.kind for delivery in going}
    for kind in {delivery.kind for delivery in deliveries} - moving:
        pauses.throttle(connection, kind, error.retry_after, backlog_only=error.backlog_only)
    outbox.settle_all([delivery for delivery in deliveries if delivery.kind in moving], outcomes.of(error))
    outbox.give_back([delivery for delivery in deliveries if delivery.kind not in moving], outcomes.of(error))
    wake_ups.later(connection.pk, error.retry_after)


def for_an_answer(error: IntegrationError) -> Outcome:
    """Nothing could be learnt about the person; whatever refuses the question says nothing about them."""
    return outcomes.of(error) if isinstance(error, Throttled) else Retry(error.reason)
