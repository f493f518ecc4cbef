"""Dispatch: every address below /api is answered here, in JSON and in the shape of an outcome, whatever goes wrong.

No session, no cookie and no form of a browser counts here: a call is whoever holds its token.
"""

import logging
import math
from functools import cache

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase

from integrations import pacing
from integrations.api import registry, tokens
from integrations.api.answers import Answer, kept_by_nobody, response
from integrations.api.endpoint import MULTIPART, Call, Endpoint
from integrations.api.outcome import error
from integrations.api.refusals import Refused, refused
from integrations.api.tokens import NotAllowed
from integrations.errors import without_message
from integrations.models import ApiToken
from integrations.pacing import Window

VERSION = "/v1/"
MAY_HAVE_A_BODY = ("POST", "PUT", "PATCH", "DELETE")
AGAIN_AFTER = 5  # seconds

log = logging.getLogger(__name__)


def serve(request: HttpRequest, rest: str) -> HttpResponseBase:
    """The view of everything below /api; `rest` is what follows it."""
    return kept_by_nobody(_answered(request, rest))


def _answered(request: HttpRequest, rest: str) -> HttpResponseBase:
    try:
        endpoint, parts = _endpoint(request.method or "", rest)
        found = _called(request, endpoint, parts)
        return found if isinstance(found, HttpResponseBase) else response(found)
    except Refused as refusal:
        return response(Answer(refusal.outcome, refusal.status, refusal.headers))
    except UnreadablePostError:
        return _problem(400, "broken_off", "The body broke off before its end.")
    except RequestDataTooBig:
        return _problem(413, "too_large", "The form's fields are too large.")
    except (SuspiciousOperation, MultiPartParserError):
        return _problem(400, "not_understood", "The request cannot be understood.")
    except (OperationalError, InterfaceError) as trouble:
        return _away(trouble, "Our database does not answer. Try again soon.")
    except Exception as trouble:  # a fault of ours, of which callers learn no more than that
        log.error("A call could not be answered: %s", without_message(trouble))
        return _problem(
            500, "internal_error", "Something went wrong here. It is on record; what was done is not known."
        )


@cache
def _endpoints(parts: tuple[str, ...]) -> list[Endpoint]:  # noqa: ARG001  (made anew when there are others)
    return sorted(registry.endpoints(), key=lambda one: one.rank)


def _endpoint(method: str, rest: str) -> tuple[Endpoint, dict[str, str]]:
    if not rest.startswith(VERSION):
        raise refused(404, "no_such_address", "There is nothing at this address. The API is below /api/v1/.")
    segments = tuple(rest.removeprefix(VERSION).split("/"))
    there = [(one, found) for one in _endpoints(tuple(registry.parts())) if (found := one.match(segments)) is not None]
    if not there:
        raise refused(404, "no_such_address", "There is nothing at this address. See /api/v1/openapi.json.")
    wanted = "GET" if method == "HEAD" else method
    for one, found in there:
        if one.method == wanted:
            return one, found
    methods = {one.method for one, _ in there}
    allowed = ", ".join(sorted(methods | {"HEAD"} if "GET" in methods else methods))
    raise refused(405, "method_not_allowed", f"This address takes {allowed}.", headers={"Allow": allowed})


def _called(request: HttpRequest, endpoint: Endpoint, parts: dict[str, str]) -> Answer | HttpResponseBase:
    try:
        token = tokens.find(request.headers.get("Authorization", ""))
        _keep_to_the_rate(token)
        tokens.used(token)
        endpoint.must_take(request)
        return _viewed(endpoint, Call(request, token, parts, _body(request, endpoint)))
    except NotAllowed as refusal:
        tokens.record(refusal, endpoint.method, endpoint.path)
        raise


def _viewed(endpoint: Endpoint, call: Call) -> Answer | HttpResponseBase:
    """The view's answer. Where the database goes away under it, what changes something may have been done."""
    try:
        return endpoint.view(call)
    except (OperationalError, InterfaceError) as trouble:
        if endpoint.method not in MAY_HAVE_A_BODY:
            raise
        sentence = "Our database does not answer, and what was done is not known. Look before you try again."
        return _away(trouble, sentence, is_known=False)


def _away(trouble: Exception, sentence: str, *, is_known: bool = True) -> HttpResponseBase:
    log.error("A call could not be answered: the database is away (%s).", type(trouble).__name__)
    headers = {"Retry-After": str(AGAIN_AFTER)}
    return response(Answer(error("database_away", sentence, is_known=is_known), 503, headers))


def _keep_to_the_rate(token: ApiToken) -> None:
    wait = pacing.take(f"api:{token.pk}", (Window(token.per_minute, 60),))
    if wait:
        seconds = str(math.ceil(wait.total_seconds()))
        sentence = f"This token may make {token.per_minute} calls a minute. Try again in {seconds} s."
        raise refused(429, "too_many_calls", sentence, headers={"Retry-After": seconds})


def _body(request: HttpRequest, endpoint: Endpoint) -> bytes:
    """The raw bytes, whatever DATA_UPLOAD_MAX_MEMORY_SIZE says of forms; of multipart nothing, as Django reads it.

    https://docs.djangoproject.com/en/5.2/ref/settings/#data-upload-max-memory-size
    """
    if endpoint.method not in MAY_HAVE_A_BODY:
        return b""
    announced = request.META.get("CONTENT_LENGTH") or "0"
    if not (announced.isascii() and announced.isdecimal()):
        raise refused(400, "invalid_length", "Content-Length is no number.")
    if len(announced) > len(str(endpoint.largest)) or int(announced) > endpoint.largest:
        raise _too_large(endpoint)
    if (int(announced) or request.content_type) and request.content_type not in endpoint.content_types:
        wanted = " or ".join(endpoint.content_types)
        raise refused(415, "wrong_content_type", f"Send the body as {wanted}.", headers={"Accept": wanted})
    if request.content_type == MULTIPART:
        return b""
    body: bytes = request.read(endpoint.largest + 1)
    if len(body) > endpoint.largest:
        raise _too_large(endpoint)
    if len(body) < int(announced):
        raise UnreadablePostError
    return body


def _too_large(endpoint: Endpoint) -> Refused:
    return refused(413, "too_large", f"The body is larger than {endpoint.largest / 1024 / 1024:g} MB.")


def _problem(status: int, code: str, sentence: str) -> HttpResponseBase:
    return response(Answer(error(code, sentence, is_known=status != 500), status))
