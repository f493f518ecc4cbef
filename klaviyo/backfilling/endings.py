"""How an import of a walk ended: whom it refused, and whose standing has changed since it was made.

While Klaviyo works on an import, a newer word about a person may pass it and be overwritten by it. So whoever was
told of since it was made is told of once more when it has ended.
"""

from collections.abc import Collection

from django.db import transaction
from django.db.models.functions import Lower

from integrations.models import Delivery, Job
from klaviyo.backfilling import chunks
from klaviyo.models import ProfileSync


@transaction.atomic
def tell_again(job: Job, refused: Collection[str] | None) -> None:
    """Queue deliveries for those whom the import refused (by address), or for all of it when it was lost (None)."""
    sync = ProfileSync.objects.select_related("connection").filter(pk=job.note["sync"]).first()
    if sync is None:
        return
    people = chunks.advocates(sync).filter(pk__gte=job.note["first"], pk__lte=job.note["last"])
    concerned = people if refused is None else people.annotate(to=Lower("email")).filter(to__in=refused)
    ids = set(concerned.values_list("pk", flat=True))
    chunks.tell_alone(sync, sorted(ids | set(people.filter(pk__in=_told_since(job)).values_list("pk", flat=True))))


def _told_since(job: Job) -> list[int]:
    told = Delivery.objects.filter(
        connection=job.connection_id, kind="profile", state=Delivery.State.ACCEPTED,
        settled_at__gte=job.note["taken_at"], options__sync=job.note["sync"],
    )  # fmt: skip
    return [delivery.options["advocate"] for delivery in told.only("options")]
