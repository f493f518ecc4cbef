"""Suppressed addresses, which are not written to, known by a hash of their plainest form."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable

from django.db.models import Q
from django.utils.encoding import punycode

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
    mailboxes = {digest(email): mailbox(email) for email in emails}
    held = Suppression.objects.filter(Q(store=store_id) | Q(store=None), mailbox_hash__in=mailboxes)
    lightest_first = sorted(held, key=lambda row: _weight(row.reason), reverse=True)
    return {mailboxes[row.mailbox_hash]: row for row in lightest_first}


def mailbox(email: str) -> str:
    """The plainest form of an address, the same however it is written; any text has one.

    It is composed (NFC) and in lower case, an international domain in its ASCII form (RFC 3490).
    """
    local, at, domain = _small(email).rpartition("@")
    if len(local) > 2 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    try:
        return f"{local}{at}{punycode(domain).lower()}"
    except UnicodeError:
        return f"{local}{at}{domain}"


def digest(email: str) -> str:
    """SHA-256 of the mailbox, in hexadecimal."""
    return hashlib.sha256(mailbox(email).encode("utf-8", "surrogatepass")).hexdigest()


def spellings(email: str) -> set[str]:
    """How the address may be stored, in lower case: with an international domain in Unicode, and in ASCII."""
    plain = mailbox(email)
    local, at, domain = plain.rpartition("@")
    try:
        return {_small(email), plain, f"{local}{at}{domain.encode('ascii').decode('idna')}"}
    except UnicodeError:
        return {_small(email), plain}


def is_erased(email: str) -> bool:
    """Whether it stands for somebody who was erased, and is no address."""
    return email.endswith(f"@{NOBODY}")


def _small(email: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).lower())


def _weight(reason: str) -> int:
    known = [str(reason) for reason in _WEIGHTIEST_FIRST]
    return known.index(reason) if reason in known else len(known)
