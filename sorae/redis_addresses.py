"""Redis URLs, read into the one spelling that Celery, the cache, the rate limits and the health check read alike."""

import re
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from sorae.web_addresses import Malformed, in_ascii

USUAL_PORT = 6379
EXAMPLE = "For example redis://:password@localhost:6379/0, or rediss://:password@host:6380/0 for TLS."
ENCODED = "Characters such as / ? # @ % in a password are written as %2F %3F %23 %40 %25."
CHECKS = {  # how the server's certificate is checked, as it may be told, and as all understand it
    "required": "required",
    "cert_required": "required",
    "none": "none",
    "cert_none": "none",
}
FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


def read(told: str) -> str:
    """Scheme, user, password, host, port, number of the database, and how TLS is checked. Raises Malformed.

    Celery checks no certificate of a `rediss://` that does not ask for it, and the cache always does; so it is asked
    for. https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#configuration
    """
    parts, port = _parts(told)
    database, tls = _options(parts)
    query = f"?{urlencode(tls, quote_via=quote)}" if tls else ""
    return f"{parts.scheme}://{_user(parts)}{_host(parts)}:{port}/{database}{query}"


def _parts(told: str) -> tuple[SplitResult, int]:
    try:
        parts = urlsplit(told)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise Malformed("is not a Redis address.", f"{EXAMPLE} {ENCODED}") from None
    is_one = parts.scheme in {"redis", "rediss"} and host and port != 0 and not re.search(r"[\s;,]", parts.netloc)
    if not is_one or parts.fragment:
        raise Malformed("is not a Redis address.", f"{EXAMPLE} {ENCODED}")
    return parts, port or USUAL_PORT


def _user(parts: SplitResult) -> str:
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if user and not password:
        raise Malformed("names a user and no password.", f"A password alone has a colon before it. {EXAMPLE}")
    return f"{quote(user, safe='')}:{quote(password, safe='')}@" if password else ""


def _host(parts: SplitResult) -> str:
    host = unquote(parts.hostname or "")
    try:
        return f"[{host}]" if isinstance(ip_address(host), IPv6Address) else host
    except ValueError:
        return in_ascii(host)


def _options(parts: SplitResult) -> tuple[int, dict[str, str]]:
    """The number of the database, which may stand in the path or as `db`; and how TLS is checked."""
    told = dict(parse_qsl(parts.query, keep_blank_values=True))
    numbers = {number for number in (parts.path.strip("/"), told.pop("db", "")) if number}
    if len(numbers) > 1 or not all(re.fullmatch(r"[0-9]{1,5}", number) for number in numbers):
        raise Malformed("does not name a database by its number.", EXAMPLE)
    tls = _tls(told) if parts.scheme == "rediss" else {}
    if told:
        known = ", ".join((*_OPTIONS, *FILES)) if parts.scheme == "rediss" else "none"
        raise Malformed(f"has an option that not all read alike: {min(told)[:40]}.", f"Options: {known}. {EXAMPLE}")
    return int(*numbers or {"0"}), tls


def _tls(told: dict[str, str]) -> dict[str, str]:
    """Takes out of what is told what is about TLS."""
    tls = {name: read(told.pop(name, "")) for name, read in _OPTIONS.items()}
    for name in FILES:
        if path := told.pop(name, ""):
            if not _is_readable(Path(path)):
                raise Malformed(f"names a file in {name} that cannot be read.", "Check the path and its permissions.")
            tls[name] = path
    return tls


def _check(told: str) -> str:
    if (word := told.lower() or "required") not in CHECKS:
        raise Malformed("has an ssl_cert_reqs that not all read alike.", "Give required or none, or leave it out.")
    return CHECKS[word]


def _check_of_the_name(told: str) -> str:
    if (word := told.lower() or "true") not in {"true", "false"}:
        raise Malformed("has an ssl_check_hostname that not all read alike.", "Give true or false, or leave it out.")
    return word


_OPTIONS: dict[str, Callable[[str], str]] = {"ssl_cert_reqs": _check, "ssl_check_hostname": _check_of_the_name}


def _is_readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except (OSError, ValueError):
        return False
