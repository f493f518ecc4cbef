"""A person's key: the digest of their mailbox by which noes and erasures are found, and how an address is read for it.

Each stored key has the version of that reading beside it. A new way to read addresses becomes a further entry of
`READINGS`: what was stored by an older one is still found, also where the address itself is gone.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from django.db.models import Q
from django.utils.encoding import punycode

from referrals import domains

Key = tuple[int, str]  # the version of the reading, and the digest that it gives


def mailbox(email: str) -> str:
    """The plainest form of an address, the same however it is written; any text has one.

    It is composed (NFC), in lower case and without what cannot be seen, an international domain in its ASCII form.
    """
    local, at, domain = small(email).rpartition("@")
    try:
        return f"{_unquoted(local)}{at}{domains.in_ascii(domain)}"
    except UnicodeError:
        return f"{_unquoted(local)}{at}{domain}"


def small(email: str) -> str:
    """The address in lower case, composed, and without spaces around it or characters that nobody sees.

    Of what nobody sees, a domain keeps what tells it from another domain.
    """
    local, at, domain = email.strip().rpartition("@")
    return f"{_small(local)}{at}{domains.mapped(domain) if at else _small(domain)}".strip()


def _mailbox_of_2003(email: str) -> str:
    """As keys were made before: RFC 3490 takes some domains for others, such as straße.example for strasse.example."""
    local, at, domain = _small(email).strip().rpartition("@")
    try:
        return f"{_unquoted(local)}{at}{punycode(domain).lower()}"
    except UnicodeError:
        return f"{_unquoted(local)}{at}{domain}"


READINGS: Mapping[int, Callable[[str], str]] = {1: _mailbox_of_2003, 2: mailbox}
VERSION = max(READINGS)


def of(email: str) -> str:
    """The key by which a person is stored now, with `VERSION` beside it: SHA-256, in hexadecimal."""
    return digest(VERSION, email)


def every(email: str) -> set[Key]:
    """Each key under which the person may have been stored, by whatever version.

    The same digest by another version may be somebody else's.
    """
    return {(version, digest(version, email)) for version in READINGS}


def digest(version: int, email: str) -> str:
    """The key by that reading."""
    return _digest(READINGS[version], email)


@lru_cache(20_000)  # a batch of deliveries asks of the same people several times
def _digest(reading: Callable[[str], str], email: str) -> str:
    return hashlib.sha256(reading(email).encode("utf-8", "surrogatepass")).hexdigest()


def stored(field: str, keys: Iterable[Key]) -> Q:
    """The rows that have one of the keys in a field, with its version beside it."""
    digests: dict[int, set[str]] = {}
    for version, key in keys:
        digests.setdefault(version, set()).add(key)
    found = Q(pk__in=())
    for version, some in digests.items():
        found |= Q(key_version=version, **{f"{field}__in": some})
    return found


def owners(emails: Iterable[str]) -> dict[Key, set[str]]:
    """Whose each key may be, of these addresses: an older reading may have taken two for one."""
    found: dict[Key, set[str]] = {}
    for email in emails:
        for key in every(email):
            found.setdefault(key, set()).add(email)
    return found


def _small(text: str) -> str:
    if text.isascii():
        return text.lower()
    seen = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", seen).lower())


def _unquoted(local: str) -> str:
    if len(local) > 2 and local[0] == local[-1] == '"':
        return re.sub(r"\\(.)", r"\1", local[1:-1])
    return local
