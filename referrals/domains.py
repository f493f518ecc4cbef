"""International domain names: each domain's one name in Unicode, and the one in ASCII by which it is reached.

By UTS 46, not transitional, as browsers and IDNA 2008 have it: straße.example is another domain than strasse.example,
which the standard of 2003 took for one. https://www.unicode.org/reports/tr46/
"""

import re
from functools import lru_cache

import idna
from django.core.validators import EmailValidator

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"  # https://www.rfc-editor.org/rfc/rfc1123#page-13
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_LIKE_A_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")  # such a last label is read as an IPv4 address:
# https://url.spec.whatwg.org/#ends-in-a-number-checker

JOINERS = "\u200c\u200d"  # they tell two names apart where a script needs them: RFC 5892, appendix A


def in_unicode(domain: str) -> str:
    """The domain as people read it: in small letters, composed, whatever it is written with.

    Raises UnicodeError for what is no domain.
    """
    labels = _mapped(domain).split(".")
    return ".".join(_decoded(label) for label in labels)


def in_ascii(domain: str) -> str:
    """The domain as it travels. Raises UnicodeError for what is no domain."""
    labels = _mapped(domain).split(".")
    return ".".join(label if label.isascii() else _encoded(label) for label in labels)


def address_in_ascii(email: str) -> str:
    """The e-mail address with its domain as it travels. Raises UnicodeError for what is no domain."""
    local, at, domain = email.rpartition("@")
    return f"{local}{at}{domain if domain.isascii() else in_ascii(domain)}"


def is_name(plain: str) -> bool:
    """Whether it is the name of a host, in small ASCII letters, and no IP address."""
    return bool(_NAME.fullmatch(plain)) and not _LIKE_A_NUMBER.fullmatch(plain.rpartition(".")[2])


class AddressValidator(EmailValidator):
    """Django's, which knows no character beyond the basic plane; and any other domain that has an ASCII form."""

    def validate_domain_part(self, domain_part: str) -> bool:
        return super().validate_domain_part(domain_part) or _has_a_plain_form(domain_part)


def mapped(domain: str) -> str:
    """The domain in small letters, composed, without what cannot be seen; what is no domain as well as can be."""
    try:
        return _mapped(domain)
    except UnicodeError:
        return domain.lower()


@lru_cache(1_024)
def _mapped(domain: str) -> str:
    return idna.uts46_remap(domain, std3_rules=False)  # raises idna.IDNAError, which is a UnicodeError


def _has_a_plain_form(domain: str) -> bool:
    try:
        plain = in_ascii(domain)
    except UnicodeError:
        return False
    return "." in plain and is_name(plain)


def _encoded(label: str) -> str:
    try:
        return idna.alabel(label).decode("ascii")
    except idna.IDNAError:
        # Signs such as hearts are no letters for IDNA 2008, and yet there are such domains: UTS 46, section 7.
        if any(joiner in label for joiner in JOINERS):
            raise
        encoded = f"xn--{label.encode('punycode').decode('ascii')}"
        if len(encoded) > 63:  # https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
            raise
        return encoded


def _decoded(label: str) -> str:
    """The label in Unicode, if the ASCII one is what that is written as; else as it is."""
    if not label.startswith("xn--"):
        return label
    try:
        plain = label[4:].encode("ascii").decode("punycode")
        is_its_name = not plain.isascii() and _mapped(plain) == plain and _encoded(plain) == label
        return plain if is_its_name else label
    except (UnicodeError, ValueError, OverflowError):
        return label
