"""A person's key: the digest of their mailbox by which noes and erasures are found, and how an address is read for it.

Each stored key has the version of that reading beside it. A new way to read addresses becomes a further entry of
`READINGS`: what was stored by an older one is still found, also where the address itself is gone.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable, Mapping

from django.utils.encoding import punycode


def mailbox(email: str) -> str:
    """The plainest form of an address, the same however it is written; any text has one.

    It is composed (NFC), in lower case and without what cannot be seen, an international domain in its ASCII form
    (RFC 3490).
    """
    local, at, domain = small(email).rpartition("@")
    if len(local) > 2 and local[0] == local[-1] == '"':
        local = re.sub(r"\\(.)", r"\1", local[1:-1])
    try:
        return f"{local}{at}{punycode(domain).lower()}"
    except UnicodeError:
        return f"{local}{at}{domain}"


def small(email: str) -> str:
    """The address in lower case, composed, and without spaces around it or characters that nobody sees."""
    seen = "".join(character for character in email if unicodedata.category(character) != "Cf")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", seen).lower()).strip()


READINGS: Mapping[int, Callable[[str], str]] = {1: mailbox}
VERSION = max(READINGS)


def of(email: str) -> str:
    """The key by which a person is stored now, with `VERSION` beside it: SHA-256, in hexadecimal."""
    return _digest(READINGS[VERSION](email))


def every(email: str) -> set[str]:
    """Each key under which the person may have been stored, by whatever version."""
    return {_digest(read(email)) for read in READINGS.values()}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
