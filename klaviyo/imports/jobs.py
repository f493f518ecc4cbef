"""Imports that Klaviyo has taken, kept an eye on until each has ended."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.models import Connection, Delivery, Job
from klaviyo.api.bulk import Import

KIND = "profile"
FIRST_LOOK, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=2)
PATIENCE = timedelta(hours=24)


@transaction.atomic
def begin(connection: Connection, told: Import, deliveries: Sequence[Delivery]) -> Job:
    """Klaviyo has taken an import: its deliveries wait for how it ends, no longer for a worker."""
    job = watch(connection, told, len(deliveries), {})
    leases = {delivery.lease for delivery in deliveries}
    mine = Delivery.objects.filter(pk__in=[d.pk for d in deliveries], lease__in=leases, state=Delivery.State.SENDING)
    mine.update(job=job, lease=None, lease_until=job.gives_up_at + LONGEST_WAIT)
    return job


def watch(connection: Connection, told: Import, size: int, note: dict[str, Any]) -> Job:
    """Keep an eye on an import; the note says what it is for where no delivery does."""
    now = timezone.now()
    return Job.objects.create(
        connection=connection, kind=KIND, number=told.id, size=size, note=note,
        next_look_at=now + FIRST_LOOK, gives_up_at=now + PATIENCE,
    )  # fmt: skip
