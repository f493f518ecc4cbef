"""Retention of what accounts tell: nothing of people who were erased, and no address that was told long ago."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models.functions import Lower, Now

from klaviyo.models import HeardNo, Notice
from referrals import person_key, suppressions
from referrals.models import Advocate, OptIn, Suppression

KEPT_FOR = timedelta(days=30)
AT_ONCE = 1_000
NOT_KEPT = "Not kept: the person was erased at their own wish."


def erased(emails: Iterable[str]) -> set[str]:
    """Which of the addresses are of people who were erased, and have neither joined nor opted in again since."""
    wanted = set(filter(None, emails))
    listed = suppressions.of(None, wanted) if wanted else {}
    gone = {mailbox for mailbox, row in listed.items() if row.reason == Suppression.Reason.ERASED}
    gone -= _back_again(gone)
    return {email for email in wanted if person_key.mailbox(email) in gone}


def drop_old() -> int:
    """Delete notices that were settled long ago, some at a time; how many. The oldest have the lowest ids.

    What people have refused stays by their keys, without their addresses.
    """
    named = HeardNo.objects.exclude(email="").filter(heard_at__lt=Now() - KEPT_FOR).order_by("heard_at")
    HeardNo.objects.filter(pk__in=list(named.values_list("pk", flat=True)[:AT_ONCE])).update(email="")
    oldest = list(Notice.objects.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    done = Notice.objects.filter(pk__in=oldest, processed_at__lt=Now() - KEPT_FOR)
    return done.delete()[0]


def _back_again(mailboxes: Iterable[str]) -> set[str]:
    """An erasure leaves neither memberships nor opt-ins with an address, so any that is there is newer."""
    of = {spelling: mailbox for mailbox in mailboxes for spelling in suppressions.spellings(mailbox)}
    if not of:
        return set()
    known = (model._default_manager.alias(lower=Lower("email")).filter(lower__in=of) for model in (Advocate, OptIn))
    return {person_key.mailbox(email) for rows in known for email in rows.values_list("email", flat=True)}
