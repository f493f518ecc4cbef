"""HTTP request to Klaviyo: address, headers and bytes. What the answer means is for `answers`."""

import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from django.conf import settings

from integrations.providers import Access
from integrations.wire import http
from klaviyo.api.operation import REVISION, Operation

if TYPE_CHECKING:
    import requests

MEDIA_TYPE = "application/vnd.api+json"  # https://developers.klaviyo.com/en/reference/api_overview

_of_thread = threading.local()


def send(
    operation: Operation,
    access: Access,
    *,
    path: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    body: Any = None,
) -> "requests.Response":
    """Make one request. Raises TemporaryError when no answer came."""
    headers = {"Authorization": access.authorization, "revision": REVISION, "Accept": MEDIA_TYPE}
    data = None
    if body is not None:
        headers["Content-Type"] = MEDIA_TYPE
        data = json.dumps(body, allow_nan=False, separators=(",", ":")).encode()
    return http.send(_session(), operation.method, address(operation, path, query), headers=headers, body=data)


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
