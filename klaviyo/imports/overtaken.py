"""Overtaken imports: people whom an import refused, or whose profile has changed since the import was made.

While Klaviyo works on an import, a newer profile may pass it and be overwritten by it. So whoever was told of since
it was made is told of once more when it has ended; also as a member of another program, which may have taken over
the plain names of the person's properties.
"""

from collections import defaultdict
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
    setting = StoreSetting.objects.filter(pk=job.note["sync"]).first()
    if setting is None:
        return
    people = backfill_chunks.advocates(setting).filter(pk__gte=job.note["first"], pk__lte=job.note["last"])
    addresses = {pk: values.address(email).lower() for pk, email in people.values_list("pk", "email")}
    again = _told_since(job, addresses)
    again[setting.pk] |= {pk for pk, address in addresses.items() if refused is None or address in refused}
    for one in StoreSetting.objects.filter(pk__in=again).order_by("pk"):
        backfill_chunks.tell_alone(one, sorted(again[one.pk]))


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
    again: dict[int, set[int]] = defaultdict(set)
    for subject, options in alone.values_list("subject", "options").iterator():
        profile = Profile.from_options(options)
        if profile.advocate and subject.lower() in people and profile.advocate not in advocates:  # none of the erased
            again[profile.setting].add(profile.advocate)
    for one in StoreSetting.objects.filter(pk__in=again).order_by("pk"):
        backfill_chunks.tell_alone(one, sorted(again[one.pk]))


def _told_since(job: Job, addresses: dict[int, str]) -> defaultdict[int, set[int]]:
    """Advocates with one of these addresses in any store's program, by the store's setting by which it was told."""
    known, found = set(addresses.values()), defaultdict[int, set[int]](set)
    profiles = Delivery.objects.filter(connection=job.connection_id, kind=Profile.kind)
    taken = profiles.filter(TAKEN, settled_at__gte=job.note["taken_at"])
    for told in (taken, profiles.filter(ON_ITS_WAY)):
        for subject, options in told.values_list("subject", "options").iterator():
            profile = Profile.from_options(options)
            if profile.advocate in addresses or subject.lower() in known:
                found[profile.setting].add(profile.advocate)
    return found
