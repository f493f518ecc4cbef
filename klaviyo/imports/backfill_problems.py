"""Problems of a backfill: what Klaviyo said of each person whom an import did not take."""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from integrations.models import Job
from integrations.outbox.retention import without_people
from klaviyo.api import values
from klaviyo.api.bulk import ImportError
from klaviyo.models import Backfill, BackfillProblem
from referrals import suppressions
from referrals.models import Advocate

AT_ONCE = 1_000

Said = tuple[str, str]  # a code and a sentence, both Klaviyo's


def note_import(job: Job, errors: Iterable[ImportError]) -> None:
    """Keep what an import that has ended says of people; in the caller's transaction."""
    backfill = Backfill.objects.filter(pk=job.note.get("backfill", 0)).select_related("setting").first()
    said = {error.email: (error.code, error.detail) for error in errors if error.email}
    if backfill is None or not said or backfill.setting.connection_id != job.connection_id:
        return
    people = Advocate.objects.filter(program__store=backfill.setting.store_id, pk__gte=job.note["first"])
    named = people.filter(pk__lte=job.note["last"]).values_list("pk", "email")
    note(backfill, {pk: said[address] for pk, email in named if (address := values.address(email).lower()) in said})


def note(backfill: Backfill, said: Mapping[int, Said]) -> None:
    """Keep what was said of these advocates, but for the erased; in the caller's transaction.

    Under their locks, which whoever erases somebody waits for, or has had before.
    """
    people = Advocate.objects.filter(pk__in=said).order_by("pk").only("pk", "email").select_for_update(no_key=True)
    there = [advocate.pk for advocate in people if not suppressions.is_erased(advocate.email)]
    rows = [
        BackfillProblem(backfill=backfill, advocate_id=pk, code=said[pk][0], detail=without_people(said[pk][1]))
        for pk in there
    ]
    BackfillProblem.objects.bulk_create(
        rows,
        batch_size=AT_ONCE,
        update_conflicts=True,
        unique_fields=["backfill", "advocate"],
        update_fields=["code", "detail", "at"],
    )


def forget() -> int:
    """Delete what is as old as the contents of deliveries that are forgotten; how many, of the oldest."""
    old = BackfillProblem.objects.filter(at__lt=Now() - timedelta(days=settings.RETAIN_BODIES_DAYS)).order_by("at")
    return BackfillProblem.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()[0]
