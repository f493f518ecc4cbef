"""Address of an endpoint, as somebody types it: what no host of the world can have is refused in words.

Where a name leads is looked at whenever something is sent (`wire.outside`); here is what can be said without asking.
"""

import re
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import urlsplit

import idna
from django.conf import settings
from django.core.exceptions import ValidationError

from integrations.wire import outside
from integrations.wire.http import LOOPBACK

EXAMPLE = "https://shop.example/notices"
UNREADABLE = f"This address cannot be read. Write it as {EXAMPLE}."
NOT_PLAIN = f"Write the address as {EXAMPLE}, without a user and without a #."
ODD_SIGN = f"There is a space or a sign in it that no address holds. Write it as {EXAMPLE}."
NOT_HTTPS = "The address must begin with https://, as the notice goes through the open internet."
NO_HOST = f"“{{host}}” is the name of no host. Write the address as {EXAMPLE}."
END = "Write the host without a dot at its end."
ZONE = "An address with a % leads to a part of one machine's own network. Use one that the world can reach."
NUMBER = "A host that is a number is written as four numbers with dots between them, such as 203.0.113.7."
INSIDE = "This address lies in the site's own network. Use one that the world can reach."

LONGEST_HOST = 253  # https://www.rfc-editor.org/rfc/rfc1035#section-2.3.4
NO_SIGN = re.compile(r"[\s\\\x00-\x20\x7f]")
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
#: A host whose last part is one of these is read as a number: https://url.spec.whatwg.org/#ends-in-a-number-checker
IS_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
#: Names that nobody in the world has: RFC 6761, RFC 6762, RFC 8375; .internal is ICANN's for own networks.
INSIDE_NAMES = ("localhost", "local", "internal", "home.arpa")


def refuse_odd(url: str) -> None:
    """Raises ValidationError for what is no address of the world's, or not written as one."""
    if NO_SIGN.search(url):
        raise ValidationError(ODD_SIGN)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValidationError(UNREADABLE) from None
    if port == 0 or parts.netloc.endswith(":"):
        raise ValidationError(UNREADABLE)
    if not host or parts.username is not None or "#" in url:
        raise ValidationError(NOT_PLAIN)
    if parts.scheme != "https" and host not in LOOPBACK:
        raise ValidationError(NOT_HTTPS)
    _refuse_host(host, is_in_brackets="[" in parts.netloc)


def _refuse_host(host: str, *, is_in_brackets: bool) -> None:
    if is_in_brackets:
        if "%" in host:
            raise ValidationError(ZONE)
        try:
            _refuse_inside(IPv6Address(host))
        except ValueError:
            raise ValidationError(UNREADABLE) from None
        return
    if host.endswith("."):
        raise ValidationError(END)
    name = _in_ascii(host)
    if IS_NUMBER.fullmatch(name.rpartition(".")[2]):
        try:
            _refuse_inside(IPv4Address(name))
        except ValueError:
            raise ValidationError(NUMBER) from None
        return
    if len(name) > LONGEST_HOST or not all(map(LABEL.fullmatch, name.split("."))):
        raise ValidationError(NO_HOST.format(host=host))
    if _is_inside(name):
        raise ValidationError(INSIDE)


def _in_ascii(host: str) -> str:
    """The name as it is looked up: some signs stand for others. https://www.unicode.org/reports/tr46/"""
    if host.isascii() and "xn--" not in host:
        return host
    try:
        return idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError:
        raise ValidationError(NO_HOST.format(host=host)) from None


def _refuse_inside(address: IPv4Address | IPv6Address) -> None:
    if not outside.is_outside(str(address)):
        raise ValidationError(INSIDE)


def _is_inside(name: str) -> bool:
    """Whether a name can only be one of the own network's, where notices go if NOTICE_NETWORKS names it."""
    if name == "localhost":
        return not outside.is_outside("127.0.0.1")
    is_of_own = "." not in name or any(name == one or name.endswith(f".{one}") for one in INSIDE_NAMES)
    return is_of_own and not settings.NOTICE_NETWORKS
