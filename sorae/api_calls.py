"""Calls of the API: programs make them, and what protects browsers and their sessions costs them time for nothing."""

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import resolve

PREFIX = "/api"
#: What no browser is to do with an answer that it was led to: https://www.w3.org/TR/CSP3/
NOTHING = "default-src 'none'; frame-ancestors 'none'"


class Straight:
    """Answers calls below /api at once: they have no session, no form and no page, and a token instead of them.

    It stands behind what is for every answer, and before what is for pages.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not f"{request.path_info}/".startswith(f"{PREFIX}/"):
            return self.get_response(request)
        request.get_host()  # refuses a host that is none of ours
        found = resolve(request.path_info)
        answer = cast("HttpResponseBase", found.func(request, *found.args, **found.kwargs))
        answer["Content-Security-Policy"], answer["X-Frame-Options"] = NOTHING, "DENY"
        if isinstance(answer, HttpResponse):
            answer["Content-Length"] = str(len(answer.content))
        return answer
