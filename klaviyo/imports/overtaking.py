"""While Klaviyo works on an import, a newer word about a person may pass it and be overwritten by it.

Words of one advocate go one after the other. But somebody may join a second program meanwhile, which takes over the
plain names of the person's properties: of whoever was told of since, it is told once more when the import has ended.
"""

from collections import defaultdict

from integrations.models import Delivery, Job
from klaviyo.backfilling import chunks
from klaviyo.imports.jobs import ON_THE_WIRE
from klaviyo.models import ProfileSync


def tell_again(job: Job) -> None:
    """Queue a delivery for each who was told of alone since the import left, inside the caller's transaction."""
    told = list(job.deliveries.values_list("subject", "options"))
    people, advocates = {subject.lower() for subject, _ in told}, {options.get("advocate") for _, options in told}
    alone = Delivery.objects.filter(
        connection=job.connection_id,
        kind="profile",
        state=Delivery.State.ACCEPTED,
        job=None,
        settled_at__gte=job.began_at - ON_THE_WIRE,
    )
    again: dict[int, set[int]] = defaultdict(set)
    for subject, options in alone.values_list("subject", "options").iterator():
        sync, advocate = options.get("sync"), options.get("advocate")  # of somebody who was erased there is none
        if sync and advocate and subject.lower() in people and advocate not in advocates:
            again[sync].add(advocate)
    for one in ProfileSync.objects.filter(pk__in=again).order_by("pk"):
        chunks.tell_alone(one, sorted(again[one.pk]))
