"""Retention of runs: what was asked and answered is kept as long as what deliveries say; the runs themselves stay."""

import time
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from integrations import shutdown
from klaviyo.api.named import reworded
from klaviyo.models import ActionPerson, ActionRun

AT_ONCE = 200
SECONDS = 20.0


def forget() -> int:
    """Forget what is old enough, the oldest first and for a bounded time; how many runs."""
    ends_at, total = time.monotonic() + SECONDS, 0
    while (done := _some()) and time.monotonic() < ends_at and not shutdown.asked():
        total += done
    return total + done


@transaction.atomic
def _some() -> int:
    limit = Now() - timedelta(days=settings.RETAIN_BODIES_DAYS)
    old = (
        ActionRun.objects.exclude(given="")
        .filter(began_at__lt=limit)
        .exclude(state__in=(ActionRun.State.QUEUED, ActionRun.State.UNDER_WAY))
    )
    found = old.order_by("began_at").select_for_update(skip_locked=True, of=("self",))
    rows = list(found.only("pk", "outcome", "codes", "reason")[:AT_ONCE])
    for row in rows:
        row.reason = reworded(row.outcome, row.codes, row.reason)
    ActionRun.objects.bulk_update(rows, ["reason"])
    pks = [row.pk for row in rows]
    ActionRun.objects.filter(pk__in=pks).update(given="", answered="", exchanged="")
    ActionPerson.objects.filter(run__in=pks).delete()
    return len(rows)
