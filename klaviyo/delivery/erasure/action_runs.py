"""Runs of actions that are about a person: they stay on record, without what was asked and answered."""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from integrations.encryption import Undecryptable
from integrations.models import KeptAnswer
from klaviyo.api import values
from klaviyo.api.named import reworded, ties
from klaviyo.models import ActionPerson, ActionRun, Notice
from referrals import person_key, suppressions

AT_ONCE = 500


def forget(email: str, until: datetime | None = None) -> int:
    """Take the person out of every run, or out of those that had begun by then; in the caller's transaction.

    Also out of those that name them by an id or a number alone, where a notice or another run says whose it is.
    """
    spelt = suppressions.spellings(email) | {values.address(email)}
    told = Notice.objects.filter(email__in=spelt).exclude(profile_id="").values_list("profile_id", flat=True)
    others = set(told)
    for row in _about(_keys([email]), until).iterator(chunk_size=AT_ONCE):
        others |= ties(_opened(row), spelt)
    return blank(_about(_keys([email, *map(values.address, others)]), until))


def _keys(names: Iterable[str]) -> Q:
    found = Q()
    for name in names:
        found |= person_key.stored("person", person_key.every(name))
    return found


def _about(keys: Q, until: datetime | None) -> "QuerySet[ActionRun]":
    runs = ActionRun.objects.filter(pk__in=ActionPerson.objects.filter(keys).values("run"))
    return runs.filter(began_at__lte=until) if until else runs


def _opened(row: ActionRun) -> list[Any]:
    try:
        return [json.loads(text) for text in (row.given, row.answered, row.exchanged) if text]
    except Undecryptable:
        return []


def blank(runs: "QuerySet[ActionRun]") -> int:
    """Nothing that says of anybody stays of these runs; whoever is writing one down waits for us, or we for them."""
    rows = list(runs.select_for_update(of=("self",)).order_by("pk").only("pk", "outcome", "codes", "reason"))
    for row in rows:
        row.reason = reworded(row.outcome, row.codes, row.reason)
    ActionRun.objects.bulk_update(rows, ["reason"], batch_size=AT_ONCE)
    for at in range(0, len(rows), AT_ONCE):
        pks = [row.pk for row in rows[at : at + AT_ONCE]]
        ActionRun.objects.filter(pk__in=pks).update(given="", answered="", exchanged="")
        ActionPerson.objects.filter(run__in=pks).delete()
        KeptAnswer.objects.filter(run__in=[str(pk) for pk in pks]).update(answer="")
    return len(rows)
