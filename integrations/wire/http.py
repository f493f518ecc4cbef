"""The HTTP adapter that every request to a provider goes through, under the same rules.

Bounded time as a whole, bounded size after decompression, no redirects, no cookies, no proxies from the
environment, https except on this machine.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import DecodeError, HTTPError, NewConnectionError, ReadTimeoutError

from integrations.errors import TemporaryError
from integrations.reasons import Who, declare, on_the_way
from integrations.wire import deadline

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
PLAIN_HTTP = declare(
    "plain_http",
    "Unsafe address",
    "Plain http is refused, except on this machine.",
    because="an address in the site's settings is not encrypted",
    means="Access tokens travel over https only.",
    who=Who.RUNNER,
    do="Tell whoever runs this site.",
)


class Door(HTTPAdapter):
    """A requests adapter that reads the whole answer within its bounds, or raises a requests exception."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # type: ignore[override]
        refuse_plain_http(request.url or "")
        kwargs |= {"stream": True, "timeout": (CONNECT_SECONDS, READ_SECONDS)}
        with deadline.within(DEADLINE_SECONDS, silence=READ_SECONDS):
            response = super().send(request, **kwargs)
            response._content = _read(response)
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = deadline.POOLS


def through_the_door(session: requests.Session) -> requests.Session:
    """Put any requests session (also an OAuth one) under the rules of this module."""
    session.trust_env = False  # no proxies, certificates or .netrc: requests.Session.trust_env
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # accounts share sessions, and must not meet
    session.max_redirects = 0
    for scheme in ("https://", "http://"):
        session.mount(scheme, Door(pool_connections=4, pool_maxsize=32))
    return session


def send(
    session: requests.Session,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | None = None,
) -> requests.Response:
    """Make one request. Any status is an answer; no answer is a TemporaryError that says whether it left."""
    try:
        return session.request(method, url, headers=dict(headers), data=body, allow_redirects=False)
    except requests.ConnectTimeout as error:
        raise TemporaryError(UNREACHABLE) from error
    except requests.ConnectionError as error:
        if _never_left(error):
            raise TemporaryError(UNREACHABLE) from error
        raise TemporaryError(NO_ANSWER) from error
    except requests.Timeout as error:
        raise TemporaryError(TIMED_OUT) from error
    except requests.TooManyRedirects as error:
        raise TemporaryError(REDIRECTED) from error
    except requests.exceptions.InvalidURL as error:
        raise TemporaryError(PLAIN_HTTP) from error
    except requests.RequestException as error:
        raise TemporaryError(UNREADABLE_ANSWER) from error


def retry_after(response: requests.Response, *, default: timedelta = timedelta(minutes=1)) -> timedelta:
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
        raise requests.exceptions.InvalidURL(PLAIN_HTTP.sentence)


def _never_left(error: requests.ConnectionError) -> bool:
    """Whether there was no connection at all (urllib3 2): no such host, nobody listens, or they cannot be trusted."""
    return isinstance(getattr(error.args[0] if error.args else None, "reason", None), NewConnectionError)


def _until(http_date: str, now: str | None) -> float | None:
    """Seconds to a date, by the clock of the machine that wrote it where it says so."""
    try:
        then = parsedate_to_datetime(http_date)
        base = parsedate_to_datetime(now) if now else datetime.now(UTC)
        return (then - base).total_seconds()
    except (ValueError, TypeError):
        return None


def _read(response: requests.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        while chunk := _next_chunk(response):
            parts.append(chunk)
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise requests.exceptions.ContentDecodingError("The answer is larger than we read.")
    except requests.RequestException:
        response.raw.close()
        raise
    response.raw.release_conn()
    return b"".join(parts)


def _next_chunk(response: requests.Response) -> bytes:
    """What has arrived, without waiting for a full buffer; errors of the wire as requests names them."""
    try:
        chunk: bytes = response.raw.read1(64 * 1024, decode_content=True)
        return chunk
    except ReadTimeoutError as error:
        raise requests.ReadTimeout("No byte came in time.") from error
    except DecodeError as error:
        raise requests.exceptions.ContentDecodingError("The answer cannot be decompressed.") from error
    except HTTPError as error:
        raise requests.exceptions.ChunkedEncodingError("The answer broke off.") from error
