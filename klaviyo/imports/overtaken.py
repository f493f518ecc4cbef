"""Overtaken imports: people whom an import refused, or whose profile has changed since the import was made.

While Klaviyo works on an import, a newer profile may pass it and be overwritten by it. So whoever was told of since
it was made is told of once more when it has ended.
"""

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q

from integrations.models import Delivery, Job
from klaviyo.api import values
from klaviyo.imports import backfill_chunks
from klaviyo.mapping.contents import Profile
from klaviyo.models import StoreSetting

State = Delivery.State

TAKEN = Q(state__in=(State.ACCEPTED, State.CONFIRMED))
ON_ITS_WAY = Q(state=State.SENDING, job__isnull=False)  # in another import


@transaction.atomic
def tell_again(job: Job, refused: Collection[str] | None) -> None:
    """Queue deliveries for those whom the import refused (by address), or for all of it when it was lost (None)."""
    of_before = Q(pk=job.note.get("sync", 0))  # as notes have it from the time when settings were gone by
    whose = Q(store=job.note["store"], connection=job.connection_id) if "store" in job.note else of_before
    setting = StoreSetting.objects.filter(whose).first()
    if setting is None:
        return
    people = backfill_chunks.advocates(setting).filter(pk__gte=job.note["first"], pk__lte=job.note["last"])
    addresses = {pk: values.address(email).lower() for pk, email in people.values_list("pk", "email")}
    again = _told_since(job) & addresses.keys()
    again |= {pk for pk, address in addresses.items() if refused is None or address in refused}
    backfill_chunks.tell_alone(setting, list(again))


def _told_since(job: Job) -> set[int]:
    """The advocates of whom the account was told, or is being told in another import."""
    profiles = Delivery.objects.filter(connection=job.connection_id, kind=Profile.kind)
    taken = profiles.filter(TAKEN, settled_at__gte=job.note["taken_at"])
    return {
        Profile.from_options(options).advocate
        for told in (taken, profiles.filter(ON_ITS_WAY))
        for options in told.values_list("options", flat=True).iterator()
    }
