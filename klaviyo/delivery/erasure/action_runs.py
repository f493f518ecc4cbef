"""Runs of actions that are about a person: they stay on record, without what was asked and answered.

One that waits for a worker goes on without the person, where it is about others as well.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.encryption import Undecryptable
from integrations.models import Connection, KeptAnswer
from klaviyo.api import values
from klaviyo.api.named import reworded, ties, without
from klaviyo.models import ActionPerson, ActionRun, Notice
from referrals import person_key, suppressions

AT_ONCE = 500


def forget(email: str, until: datetime | None = None) -> int:
    """Take the person out of every run, or out of those that had begun by then; in the caller's transaction.

    Also out of those that name them by an id or a number alone, where a notice or another run says whose it is. What
    only Klaviyo knows of them is forgotten with their deletion there (`forget_names`).
    """
    spelt = suppressions.spellings(email) | {values.address(email)}
    told = Notice.objects.filter(email__in=spelt).exclude(profile_id="").values_list("profile_id", flat=True)
    others = set(told)
    for row in _about(_keys([email]), until).iterator(chunk_size=AT_ONCE):
        others |= ties(_opened(row), spelt)
    return _forget({email, *map(values.address, others)}, ActionRun.objects.all(), until)


@transaction.atomic
def forget_names(connection: Connection, names: Iterable[str], until: datetime) -> int:
    """Take a person out of the runs over an account that have one of these names of theirs, and had begun by then."""
    return _forget(set(map(values.address, names)), ActionRun.objects.filter(connection=connection), until)


def _forget(names: set[str], runs: "QuerySet[ActionRun]", until: datetime | None) -> int:
    about = _about(_keys(names), until) & runs
    keys = {key for name in names for key in person_key.every(name)}
    waiting = about.filter(state=ActionRun.State.QUEUED).select_for_update(of=("self",)).order_by("pk")
    spared = [row.pk for row in waiting if _goes_on(row, keys)]
    return blank(about.exclude(pk__in=spared)) + len(spared)


def _goes_on(row: ActionRun, keys: set[person_key.Key]) -> bool:
    """Whether a run that waits has been left to others: where they stood in its input nobody stands any more."""
    try:
        rest = without(json.loads(row.given), partial(_is_one_of, keys)) if row.given else None
    except Undecryptable:
        return False
    if rest is None:
        return False
    row.given = json.dumps(rest, separators=(",", ":"))
    row.save(update_fields=["given"])
    row.people.filter(person_key.stored("person", keys)).delete()
    return True


def _is_one_of(keys: set[person_key.Key], name: str) -> bool:
    return not keys.isdisjoint(person_key.every(values.address(name)))


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
