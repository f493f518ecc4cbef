"""List of new profiles: whoever is created for a store joins the list it has chosen, by a delivery of its own."""

from datetime import timedelta

from django.utils import timezone

from integrations import outbox, outcomes
from integrations.models import Delivery
from integrations.outbox import Order, leasing
from integrations.reasons import Who, declare
from klaviyo.mapping import contents
from klaviyo.models import StoreSetting

DELAY = timedelta(minutes=1)  # by then we know whether the person is new, or the worker is dead
NOT_OURS = outcomes.Skipped(
    declare(
        "not_ours",
        "Profile was there already",
        "The profile was there already; only people whom we create join the list.",
        because="the profile was there already",
        means="Only people whom Sorae creates join the list.",
        who=Who.NOBODY,
    )
)


def plan(delivery: Delivery, setting: StoreSetting) -> str | None:
    """Queue the list add before the person is made: a worker that dies in between must not forget it.

    The key of the new delivery; None when another run planned it, and so it is not ours to call off.
    """
    key = f"list:store {setting.store_id}:{delivery.subject.lower()}"[:200]
    later = timezone.now() + DELAY
    order = Order(
        "list",
        key,
        timezone.now(),
        source=delivery.source,
        subject=delivery.subject,
        due_at=later,
        options=contents.ListAdd(store=setting.store_id, planned_by=str(delivery.lease)).as_options(),
        shared_tries=contents.ListAdd.shared_tries,
    )
    with leasing.held(delivery):
        outbox.add(delivery.connection_id, [order])
    planned = Delivery.objects.filter(connection=delivery.connection, key=key)
    return key if planned.filter(options__planned_by=str(delivery.lease)).exists() else None


def settle(delivery: Delivery, key: str, is_new: bool) -> None:
    """The list add is due now; or, where somebody else made the person in the meantime, it is called off."""
    planned = Delivery.objects.filter(connection=delivery.connection, key=key, state=Delivery.State.QUEUED)
    if is_new:
        planned.update(next_try_at=timezone.now())
    else:
        planned.update(state=NOT_OURS.state, settled_at=timezone.now(), **outcomes.words(NOT_OURS))
