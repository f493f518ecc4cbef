"""HTTP request to Klaviyo: address, headers and bytes. What the answer means is for `answers`."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings

from integrations.providers import Access
from integrations.wire import http
from integrations.wire.deadline import Deadline
from klaviyo.api import bodies
from klaviyo.api.operation import REVISION, Operation

if TYPE_CHECKING:
    import requests

OURS_ALONE = {"authorization", "connection", "content-length", "cookie", "host", "transfer-encoding"}

_of_thread = threading.local()


@dataclass(frozen=True)
class Request:
    """One request as it goes to Klaviyo, all but its authorization."""

    method: str
    address: str
    headers: Mapping[str, str]
    content: bytes | None = None


def build(
    operation: Operation,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """The request of an operation; `body` is JSON, or one of `bodies`, and `headers` take the place of ours.

    ValueError for a header that is ours alone to say.
    """
    carried = bodies.of(body)
    ours = {"revision": REVISION, "Accept": bodies.MEDIA_TYPE}
    if carried:
        ours["Content-Type"] = carried.media_type
    given = {name.lower() for name in headers or {}}
    if refused := given & OURS_ALONE:
        raise ValueError(f"These headers are not for callers: {', '.join(sorted(refused))}.")
    told = {name: value for name, value in ours.items() if name.lower() not in given} | dict(headers or {})
    return Request(operation.method, address(operation, path, query), told, carried.content if carried else None)


def send(
    operation: Operation,
    access: Access | None,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    deadline: Deadline | None = None,
) -> "requests.Response":
    """Make one request; without access it has no authorization. Raises TemporaryError when no answer came."""
    request = build(operation, path=path, query=query, body=body, headers=headers)
    told = dict(request.headers)
    if access:
        told["Authorization"] = access.authorization
    return http.send(_session(), request.method, request.address, headers=told, body=request.content, deadline=deadline)


def address(operation: Operation, path: Mapping[str, str] | None = None, query: Mapping[str, str] | None = None) -> str:
    """The whole value of each parameter is percent-encoded: a raw + in an e-mail is a space and finds nobody."""
    filled = operation.path.format(**{name: quote(value, safe="") for name, value in (path or {}).items()})
    pairs = "&".join(f"{quote(name, safe='[]')}={quote(value, safe='')}" for name, value in (query or {}).items())
    return f"{settings.KLAVIYO_API_URL}{filled}" + (f"?{pairs}" if pairs else "")


def _session() -> "requests.Session":
    import requests  # heavy

    if not hasattr(_of_thread, "session"):
        _of_thread.session = http.through_the_door(requests.Session())
    session: requests.Session = _of_thread.session
    return session
