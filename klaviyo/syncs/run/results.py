"""Results of imports: what Klaviyo has taken is told, in the transaction in which that is known."""

from collections.abc import Sequence

from integrations.models import Job
from klaviyo.api.bulk import ImportError
from klaviyo.models import SyncChunk, SyncRun
from klaviyo.profiles import import_job
from klaviyo.syncs.changes import chunks
from klaviyo.syncs.destinations import profiles


def heard(job: Job, errors: Sequence[ImportError] | None, failed: int) -> None:
    """An import of a sync has ended; without errors (None) it was lost, and goes again: an upsert may be repeated."""
    run = SyncRun.objects.select_for_update(of=("self",)).select_related("sync").filter(pk=job.note["run"]).first()
    if run is None:
        return
    rows = SyncChunk.objects.select_for_update().filter(run=run, number=job.note["chunk"], job=job.pk)
    chunk = rows.exclude(state=SyncChunk.State.DONE).first()
    if chunk is None:
        return
    if errors is None:
        chunks.again(chunk)
    else:
        profiles.ended(chunk, run, errors, failed)


import_job.tell(profiles.FOR, heard)
