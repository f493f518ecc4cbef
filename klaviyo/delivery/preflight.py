"""Preflight checks: deliveries whose outcome is certain are settled before Klaviyo is asked anything."""

from collections.abc import Callable, Sequence

from integrations.models import Delivery
from integrations.outcomes import Failed, Outcome
from integrations.workers import one_by_one
from klaviyo.delivery.erasure import deletion_request, older
from klaviyo.mapping import contents, orders

Look = Callable[[Sequence[Delivery]], dict[int, Outcome]]  # outcomes by delivery id


def unusable(deliveries: Sequence[Delivery]) -> dict[int, Outcome]:
    """What failed when it was queued and was retried all the same: nothing of it may reach a request."""
    return {delivery.pk: outcome for delivery in deliveries if (outcome := _fault(delivery))}


def decided(deliveries: Sequence[Delivery], looks: Sequence[Look]) -> dict[int, Outcome]:
    """Whatever one of the looks decides, in their order; outcomes by delivery id."""
    found: dict[int, Outcome] = {}
    for look in looks:
        found |= look([delivery for delivery in deliveries if delivery.pk not in found])
    return found


def without_the_hopeless(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Those that may go, the others being settled."""
    known = decided(deliveries, (unusable, older.call_off, deletion_request.erased_first))
    settled = [delivery for delivery in deliveries if delivery.pk in known]
    one_by_one.settle_each(settled, lambda delivery: known[delivery.pk])
    return [delivery for delivery in deliveries if delivery.pk not in known]


def _fault(delivery: Delivery) -> Outcome | None:
    if outcome := orders.malformed(delivery.subject):
        return outcome
    if delivery.kind == contents.Event.kind and not delivery.body:
        return Failed(orders.UNUSABLE)
    return None
