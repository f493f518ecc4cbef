"""Carries out submissions: who sent a public form joins or opts in, a moment after the answer."""

import logging
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from referrals import lifecycle
from referrals.models import Program, Store, Submission

logger = logging.getLogger(__name__)

TRIED_FOR = timedelta(days=7)
LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Wish:
    """A box that somebody ticked: for which channel, beside which words, and (of text messages) with which number."""

    channel: str
    wording: str
    phone: str = ""


def keep(
    store: Store,
    email: str,
    *,
    place: str,
    program: Program | None = None,
    first_name: str = "",
    wishes: Iterable[Wish] = (),
) -> None:
    """Store what a form asks for, by one insert that is the same whoever it is."""
    Submission.objects.create(
        store=store,
        program=program,
        email=email,
        first_name=first_name,
        wishes=[asdict(wish) for wish in wishes],
        place=place,
    )


def carry_out(limit: int = 1_000) -> int:
    """Does what the oldest ask for, and says how many those were.

    Any number may do so at once: a submission belongs to whoever deletes it, in the transaction of what it asks for.
    One that fails is tried again, ever more seldom, until it is a week old.
    """
    due = Submission.objects.filter(next_try_at__lte=Now()).select_related("store", "program__store")
    return sum(_carry_out(submission) for submission in list(due.order_by("next_try_at", "pk")[:limit]))


def _carry_out(submission: Submission) -> bool:
    try:
        with transaction.atomic():
            mine, _ = Submission.objects.filter(pk=submission.pk).delete()  # 0 for all but one, who wait for the first
            if mine:
                _do(submission)
            return bool(mine)
    except Exception as error:  # one that fails keeps no other from being carried out
        outcome = "will be tried again" if _put_off(submission) else "is dropped"
        logger.error("A form that was sent could not be carried out and %s: %s", outcome, type(error).__name__)
        return False


def _do(submission: Submission) -> None:
    name, pressed_at = submission.first_name, submission.occurred_at
    if submission.program:
        lifecycle.join(submission.program, submission.email, first_name=name, by_anybody=True, occurred_at=pressed_at)
    for wish in submission.wishes:
        lifecycle.opt_in(
            submission.store,
            submission.email,
            wording=wish["wording"],
            place=submission.place,
            channels=(wish["channel"],),
            phone=wish["phone"],
            first_name=name,
            occurred_at=pressed_at,
        )


def _put_off(submission: Submission) -> bool:
    """Try it again later; False when it has been tried for long enough, and is gone now."""
    mine = Submission.objects.filter(pk=submission.pk)
    if mine.filter(occurred_at__lt=Now() - TRIED_FOR).delete()[0]:
        return False
    wait = min(timedelta(seconds=2) * 2 ** min(submission.tries, 20), LONGEST_WAIT)
    mine.update(tries=F("tries") + 1, next_try_at=Now() + wait)
    return True
