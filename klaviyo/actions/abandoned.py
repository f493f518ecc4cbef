"""Runs whose program has died: once their time is over it is on record that nobody knows what became of them.

Their key then answers with that. Nothing is ever begun anew: it may have been done.
"""

import json
from datetime import timedelta

from django.db.models.functions import Now

from integrations.encryption import Undecryptable
from klaviyo.actions.inputs import Inputs
from klaviyo.models import ActionRun

AT_ONCE = 500
LONGEST = 3_600.0  # seconds, as inputs have it
USUAL = float(Inputs.model_fields["timeout_seconds"].default)
GRACE = timedelta(minutes=2)  # for the last exchange, and for whoever is put off before it begins
SENTENCE = (
    "The program that ran it ended before it was done, so nobody knows how far it came. Look at Klaviyo before you run "
    "it again."
)


def close() -> int:
    """Close those whose time is over; how many."""
    under_way = ActionRun.objects.filter(state=ActionRun.State.UNDER_WAY)
    rows = under_way.filter(began_at__lt=Now() - GRACE).order_by("began_at").only("pk", "given", "state")
    return sum(_close(row) for row in rows[:AT_ONCE])


def _close(row: ActionRun) -> int:
    same = ActionRun.objects.filter(pk=row.pk, state=ActionRun.State.UNDER_WAY)
    over = same.filter(began_at__lt=Now() - timedelta(seconds=_seconds(row)) - GRACE)
    return over.update(
        state=ActionRun.State.ABANDONED,
        outcome="error",
        codes=["abandoned"],
        reason=SENTENCE,
        is_known=False,
        ended_at=Now(),
    )


def _seconds(row: ActionRun) -> float:
    """How long it was given; the longest time where that cannot be read any more."""
    try:
        told = json.loads(row.given) if row.given else {"timeout_seconds": LONGEST}
    except Undecryptable:
        return LONGEST
    if "left_out" in told:
        return LONGEST
    return float(told.get("timeout_seconds", USUAL))
