"""Runs of actions that are about a person: they stay on record, without what was asked and answered."""

from datetime import datetime

from django.db.models import QuerySet

from integrations.outbox import retention
from klaviyo.models import ActionPerson, ActionRun
from referrals import person_key

AT_ONCE = 500


def forget(email: str, until: datetime | None = None) -> int:
    """Take the person out of every run, or out of those that had begun by then; in the caller's transaction."""
    named = ActionPerson.objects.filter(person_key.stored("person", person_key.every(email)))
    runs = ActionRun.objects.filter(pk__in=named.values("run"))
    return blank(runs.filter(began_at__lte=until) if until else runs)


def blank(runs: "QuerySet[ActionRun]") -> int:
    """Nothing that says of anybody stays of these runs; whoever is writing one down waits for us, or we for them."""
    rows = list(runs.select_for_update(of=("self",)).order_by("pk").only("pk", "reason"))
    for row in rows:
        row.reason = retention.without_people(row.reason)
    ActionRun.objects.bulk_update(rows, ["reason"], batch_size=AT_ONCE)
    for at in range(0, len(rows), AT_ONCE):
        pks = [row.pk for row in rows[at : at + AT_ONCE]]
        ActionRun.objects.filter(pk__in=pks).update(given="", answered="", exchanged="")
        ActionPerson.objects.filter(run__in=pks).delete()
    return len(rows)
