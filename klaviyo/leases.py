"""What a worker has in hand may be taken from it: then it sends nothing of it any more, and writes nothing down."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import transaction
from django.db.models.functions import Now

from integrations import outbox
from integrations.models import Delivery
from integrations.outcomes import CalledOff, Retry

LOST = Retry("lease_lost", "Somebody else has taken this over, and decides anew.", refund=True)


def check(deliveries: Sequence[Delivery]) -> None:
    """Raise CalledOff when one of them is no longer the caller's."""
    if deliveries and not outbox.are_ours(deliveries):
        raise CalledOff(LOST)


@contextmanager
def held(delivery: Delivery) -> Iterator[None]:
    """A transaction in which nobody takes the delivery from the caller. Raises CalledOff when somebody has."""
    with transaction.atomic():
        mine = Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease, state=Delivery.State.SENDING)
        if not mine.filter(lease_until__gt=Now()).select_for_update(no_key=True).values_list("pk").first():
            raise CalledOff(LOST)
        yield
