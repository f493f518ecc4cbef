"""HTTP requests to providers: all go through the same door, under the same rules.

Bounded time as a whole, bounded size after decompression, no redirects, no cookies, no proxies from the
environment, https except on this machine.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from integrations.errors import TemporaryError
from integrations.reasons import Who, declare, on_the_way
from integrations.wire.deadline import Deadline, keeping

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 3.05
READ_SECONDS = 10.0
DEADLINE_SECONDS = 12.0
LARGEST_ANSWER = 16 * 1024 * 1024
LOOPBACK = {"localhost", "127.0.0.1", "::1"}

UNREACHABLE = on_the_way(
    "unreachable",
    "Not reachable",
    "The provider could not be reached.",
    because="the provider could not be reached",
)
NO_ANSWER = on_the_way(
    "no_answer",
    "No answer",
    "The connection broke before an answer came.",
    because="the connection broke before an answer came",
)
TIMED_OUT = on_the_way(
    "timed_out",
    "Too slow",
    "The provider took too long to answer.",
    because="the provider took too long to answer",
)
REDIRECTED = on_the_way(
    "redirected",
    "Sent elsewhere",
    "The provider sent us elsewhere; redirects are not followed.",
    because="the answer led elsewhere, and such answers are not followed",
)
UNREADABLE_ANSWER = on_the_way(
    "unreadable_answer",
    "Unreadable answer",
    "The answer broke off or could not be read.",
    because="the answer could not be read",
)
TOO_MUCH = UNREADABLE_ANSWER.saying(
    f"The answer is larger than {LARGEST_ANSWER // 1024**2} MB, which is the most that is read. Ask for less at a time."
)
WITHOUT_ANSWER = {UNREACHABLE.code, NO_ANSWER.code, TIMED_OUT.code}
PLAIN_HTTP = declare(
    "plain_http",
    "Unsafe address",
    "Plain http is refused, except on this machine.",
    because="an address in the site's settings is not encrypted",
    means="Access tokens travel over https only.",
    who=Who.RUNNER,
    do="Tell whoever runs this site.",
)


def through_the_door(session: "requests.Session") -> "requests.Session":
    """Put any requests session (also an OAuth one) under the rules of this module."""
    from http.cookiejar import DefaultCookiePolicy

    from integrations.wire.door import Door  # brings requests, which most commands never need

    session.trust_env = False  # no proxies, certificates or .netrc: requests.Session.trust_env
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # accounts share sessions, and must not meet
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, Door(pool_connections=4, pool_maxsize=32))
    return session


def send(
    session: "requests.Session",
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
    deadline: Deadline | None = None,
) -> "requests.Response":
    """Make one request. Any status is an answer; no answer is a TemporaryError that says whether it left."""
    import requests  # heavy

    from integrations.wire.door import TooLarge  # brings requests

    try:
        with keeping(deadline):
            response = _answer(session, method, url, headers, body)
    except TooLarge as error:
        raise TemporaryError(TOO_MUCH) from error
    except requests.ConnectTimeout as error:
        raise TemporaryError(UNREACHABLE) from error
    except requests.ConnectionError as error:
        if _never_left(error):
            raise TemporaryError(UNREACHABLE) from error
        raise TemporaryError(NO_ANSWER) from error
    except requests.Timeout as error:
        raise TemporaryError(TIMED_OUT) from error
    except requests.exceptions.InvalidURL as error:
        raise TemporaryError(PLAIN_HTTP) from error
    except requests.RequestException as error:
        raise TemporaryError(UNREADABLE_ANSWER) from error
    if response.is_redirect:
        raise TemporaryError(REDIRECTED)
    return response


def _answer(
    session: "requests.Session", method: str, url: str, headers: Mapping[str, str], body: bytes | None
) -> "requests.Response":
    """As the session's own `request`, without all that the rules here leave nothing of: it takes as long again."""
    import requests  # heavy

    request = requests.PreparedRequest()
    request.prepare(method, url, {**session.headers, **headers}, data=body)
    return session.get_adapter(url).send(request, verify=session.verify or False)


def retry_after(response: "requests.Response", *, default: timedelta = timedelta(minutes=1)) -> timedelta:
    """The wait a provider asks for: seconds or an HTTP date, kept between 1 second and 1 hour (RFC 9110, 10.2.3)."""
    wish = response.headers.get("Retry-After", "").strip()
    seconds = default.total_seconds()
    if wish.isascii() and wish.isdigit():
        seconds = float(wish[:9])
    elif wish:
        seconds = _until(wish, response.headers.get("Date")) or seconds
    return timedelta(seconds=min(max(seconds, 1.0), 3600.0))


def refuse_plain_http(url: str) -> None:
    """Tokens travel over https, or to this machine."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        from requests.exceptions import InvalidURL  # heavy

        raise InvalidURL(PLAIN_HTTP.sentence)


def _never_left(error: "requests.ConnectionError") -> bool:
    """Whether there was no connection at all (urllib3 2): no such host, nobody listens, or they cannot be trusted."""
    from urllib3.exceptions import NewConnectionError  # heavy

    return isinstance(getattr(error.args[0] if error.args else None, "reason", None), NewConnectionError)


def _until(http_date: str, now: str | None) -> float | None:
    """Seconds to a date, by the clock of the machine that wrote it where it says so."""
    try:
        then = parsedate_to_datetime(http_date)
        base = parsedate_to_datetime(now) if now else datetime.now(UTC)
        return (then - base).total_seconds()
    except (ValueError, TypeError):
        return None
