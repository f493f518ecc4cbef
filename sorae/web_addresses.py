"""Web addresses of settings, such as https://referrals.example.com, read into the one spelling that browsers use."""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import SplitResult, urlsplit

from referrals import domains

USUAL_PORTS = {"http": 80, "https": 443}
LOOPBACK = {"localhost", "127.0.0.1", "[::1]"}

_NEVER = re.compile(r"[\s\\\x00-\x1f\x7f]")


@dataclass
class Malformed(Exception):
    """What is wrong with an address, after its name; and what to do."""

    sentence: str
    hint: str


def read(told: str, *, has_path: bool = False) -> str:
    """The address with scheme and host in small letters, its host in ASCII, no usual port, and no slash at its end.

    Raises Malformed.
    """
    example = "https://www.klaviyo.com/oauth/authorize" if has_path else "https://referrals.example.com"
    parts, port = _parts(told, f"Give scheme and host, for example {example}")
    if parts.username is not None or parts.password is not None:
        raise Malformed("names a user.", f"Leave out what stands before the @, as in {example}")
    if "*" in parts.netloc or parts.netloc.startswith("."):
        raise Malformed("has a wildcard.", "Give one host name; other names of this site go into ALLOWED_HOSTS.")
    if parts.query or parts.fragment:
        raise Malformed("has a query or a fragment.", f"Leave out what stands behind ? or #, as in {example}")
    path = parts.path.rstrip("/")
    if path and not has_path:
        raise Malformed("has a path.", f"Sorae has a host name of its own: give scheme and host, as in {example}")
    host = host_name(parts.hostname or "")
    if not host:
        raise Malformed("has a host name that cannot be read.", f"Give scheme and host, for example {example}")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise Malformed("is plain http.", "Use https; plain http is accepted for localhost only.")
    behind = "" if port in {None, USUAL_PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{behind}{path}"


def host(address: str) -> str:
    """The host of an address that was read, as Django compares it: an IPv6 address in brackets."""
    return re.sub(r":\d+\Z", "", urlsplit(address).netloc)


def host_name(name: str) -> str:
    """A host as browsers ask for it: an IP address, or a name in ASCII (see `domains`); empty where none would.

    https://url.spec.whatwg.org/#host-parsing
    """
    name = name.rstrip(".").lower()
    if ip := _ip(name):
        return f"[{ip}]" if isinstance(ip, IPv6Address) else str(ip)
    try:
        name = name if name.isascii() else domains.in_ascii(name)
    except UnicodeError:
        return ""
    return name if domains.is_name(name) else ""


def in_ascii(name: str) -> str:
    """The host of a server that we connect to, whatever it is called inside a network; else as it is.

    Python itself would look for another domain than browsers do: it keeps to the standard of 2003 (see `domains`).
    https://docs.python.org/3/library/codecs.html#module-encodings.idna
    """
    try:
        return name if name.isascii() else domains.in_ascii(name)
    except UnicodeError:
        return name


def _parts(told: str, hint: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(told)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Malformed("is not an address.", hint) from None
    if parts.scheme not in USUAL_PORTS or not host or port == 0 or _NEVER.search(told):
        raise Malformed("is not an address.", hint)
    return parts, port


def _ip(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name.strip("[]")) if "%" not in name else None
    except ValueError:
        return None
