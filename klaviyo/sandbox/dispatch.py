"""Dispatch of requests to the sandbox's parts: API, OAuth, control, inspector."""

import logging
import re
from collections.abc import Callable, Mapping

from klaviyo.sandbox import api, inspector
from klaviyo.sandbox.control import dispatch
from klaviyo.sandbox.http.wire import Reply, Request, json_reply
from klaviyo.sandbox.oauth import endpoints
from klaviyo.sandbox.world import World

_log = logging.getLogger(__name__)
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d+)?")
_EXACT: Mapping[tuple[str, str], Callable[[World, Request], Reply]] = {
    ("GET", "/oauth/authorize"): endpoints.authorize,
    ("POST", "/oauth/authorize"): endpoints.authorize,
    ("POST", "/oauth/token"): endpoints.token,
    ("POST", "/oauth/revoke"): endpoints.revoke,
}


def answer(world: World, request: Request) -> Reply:
    """Answers any request; a fault of the sandbox itself is a 500, told in the log."""
    try:
        return _answer(world, request)
    except Exception:
        _log.exception("The sandbox failed on %s %s", request.method, request.path)
        return json_reply(500, {"error": "The sandbox failed."})


def _answer(world: World, request: Request) -> Reply:
    # A page of another site may not reach the control API by a name that leads here.
    if not _LOOPBACK.fullmatch(request.host):
        return json_reply(421, {"error": "This sandbox answers on loopback addresses only."})
    if request.path.startswith("/api/"):
        return api.answer(world, request)
    exact = _EXACT.get((request.method, request.path))
    if exact:
        return exact(world, request)
    if request.path.startswith("/oauth/"):
        return json_reply(404, {"error": "not_found"})
    if request.path == "/favicon.ico":
        return Reply(204)
    if request.path.startswith("/sandbox/static/"):
        return inspector.static(request.path)
    if request.path.startswith("/sandbox/"):
        return dispatch.answer(world, request)
    return inspector.answer(world, request)
