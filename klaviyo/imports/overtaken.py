"""Overtaken imports: people whom an import refused, or whose profile has changed since the import was made.

While Klaviyo works on an import, a newer profile may pass it and be overwritten by it. So whoever was told of since
it was made is told of once more when it has ended; also as a member of another program, which may have taken over
the plain names of the person's properties.
"""

from collections.abc import Collection

from django.db import transaction
from django.db.models import Q

from integrations.models import Delivery, Job
from klaviyo.api import values
from klaviyo.imports import backfill_chunks
from klaviyo.mapping.contents import Profile
from klaviyo.models import StoreSetting
from klaviyo.profiles.import_job import ON_THE_WIRE

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
    again = _told_since(job, addresses)
    again |= {pk for pk, address in addresses.items() if refused is None or address in refused}
    _tell_alone(job, again)


def tell_members_again(job: Job) -> None:
    """Queue a delivery for each who was told of alone since an import of deliveries left; in the caller's transaction.

    Words of one advocate go one after the other. But somebody may join a second program meanwhile, which takes over the
    plain names of the person's properties.
    """
    told = list(job.deliveries.values_list("subject", "options"))
    people = {subject.lower() for subject, _ in told}
    advocates = {Profile.from_options(options).advocate for _, options in told}
    alone = Delivery.objects.filter(
        connection=job.connection_id,
        kind=Profile.kind,
        state=Delivery.State.ACCEPTED,
        job=None,
        settled_at__gte=job.began_at - ON_THE_WIRE,
    )
    again: set[int] = set()
    for subject, options in alone.values_list("subject", "options").iterator():
        profile = Profile.from_options(options)
        if profile.advocate and subject.lower() in people and profile.advocate not in advocates:  # none of the erased
            again.add(profile.advocate)
    _tell_alone(job, again)


def _tell_alone(job: Job, advocates: Collection[int]) -> None:
    """Each by the setting by which their store is joined to the account."""
    for setting in StoreSetting.objects.filter(connection=job.connection_id).order_by("pk"):
        mine = backfill_chunks.advocates(setting).filter(pk__in=advocates).values_list("pk", flat=True)
        backfill_chunks.tell_alone(setting, list(mine))


def _told_since(job: Job, addresses: dict[int, str]) -> set[int]:
    """Advocates with one of these addresses in any store's program that the account was told of."""
    known, found = set(addresses.values()), set[int]()
    profiles = Delivery.objects.filter(connection=job.connection_id, kind=Profile.kind)
    taken = profiles.filter(TAKEN, settled_at__gte=job.note["taken_at"])
    for told in (taken, profiles.filter(ON_ITS_WAY)):
        for subject, options in told.values_list("subject", "options").iterator():
            profile = Profile.from_options(options)
            if profile.advocate in addresses or subject.lower() in known:
                found.add(profile.advocate)
    return found
