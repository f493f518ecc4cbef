"""Dry runs: what would be done is counted, and the first requests are shown as Klaviyo would get them."""

from typing import Any

from django.db.models import F, Q
from django.db.models.functions import Now

from klaviyo.consent import reach
from klaviyo.models import SyncChange, SyncChunk, SyncRun
from klaviyo.syncs import destinations
from klaviyo.syncs.changes import settling
from klaviyo.syncs.destinations.work import Work
from klaviyo.syncs.run import runs

SAMPLES = 20
Op = SyncChange.Op


def show(run: SyncRun) -> None:
    """Keep the first requests, and end the run."""
    chunk = SyncChunk(run=run, first=1, last=0, kind=SyncChunk.Kind.SEND)
    first = SyncChange.objects.filter(run=run, op__in=(Op.ADDED, Op.CHANGED)).order_by("n")
    last = first.values_list("n", flat=True)[SAMPLES - 1 : SAMPLES].first()
    everything = Q() if last is None else Q(n__lte=last)
    chunk.last = first.filter(everything).order_by("-n").values_list("n", flat=True).first() or 0
    work = Work(run, chunk, _nobody(), settling.of(chunk))
    gone = reach.erased(work.emails)
    samples: list[dict[str, Any]] = [
        {"row": change.n, "key": change.key, "request": destinations.sample(work, change)}
        for change in work.changes
        if not gone & work.emails_of(change)
    ]
    rows = SyncRun.objects.filter(pk=run.pk, state=SyncRun.State.SENDING)
    rows.update(state=SyncRun.State.DONE, samples=samples, ended_at=Now(), told_now=F("told_before"), problem="")
    runs.forget_work(run)


def _nobody() -> Any:
    """Of a dry run nobody is asked anything."""
    return None
