"""Suppressed addresses, which are not written to, known by a hash of their plainest form."""

from collections.abc import Iterable

from django.db.models import Q

from referrals import domains, person_key
from referrals.models import Suppression

NOBODY = "erased.invalid"  # no mail ever goes there: https://www.rfc-editor.org/rfc/rfc2606#section-2

_WEIGHTIEST_FIRST = [
    Suppression.Reason.ERASED,
    Suppression.Reason.COMPLAINED,
    Suppression.Reason.BOUNCED,
    Suppression.Reason.UNSUBSCRIBED,
]


def of(store_id: int | None, emails: Iterable[str]) -> dict[str, Suppression]:
    """Those that are suppressed by the store, or by any, by `mailbox`; one query for any number.

    Of several reasons it is the weightiest: erased, complained, bounced, unsubscribed.
    """
    owners = person_key.owners(emails)
    held = Suppression.objects.filter(Q(store=store_id) | Q(store=None), person_key.stored("mailbox_hash", owners))
    lightest_first = sorted(held, key=lambda row: _weight(row.reason), reverse=True)
    theirs = ((email, row) for row in lightest_first for email in owners[row.key_version, row.mailbox_hash])
    return {person_key.mailbox(email): row for email, row in theirs}


def spellings(email: str) -> set[str]:
    """How the address may be stored, in lower case: with an international domain in Unicode, and in ASCII."""
    plain = person_key.mailbox(email)
    local, at, domain = plain.rpartition("@")
    try:
        return {person_key.small(email), plain, f"{local}{at}{domains.in_unicode(domain)}"}
    except UnicodeError:
        return {person_key.small(email), plain}


def is_erased(email: str) -> bool:
    """Whether it stands for somebody who was erased, and is no address."""
    return email.endswith(f"@{NOBODY}")


def _weight(reason: str) -> int:
    known = [str(reason) for reason in _WEIGHTIEST_FIRST]
    return known.index(reason) if reason in known else len(known)
