"""Time zones of the admin's pages: that of whoever looks, as their browser tells it, or UTC if they choose so.

The API, exports and logs stay in UTC. https://docs.djangoproject.com/en/stable/topics/i18n/timezones/
"""

from collections.abc import Callable
from datetime import UTC, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

ADMIN, PATH = "/admin/", "/admin"
ZONE, TIMES, IN_UTC = "zone", "times", "utc"  # cookies: what the browser says, and what its user has chosen
KEPT = timedelta(days=365)


class OperatorZone:
    """Middleware: pages below the admin are written in the zone of whoever looks."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(ADMIN):
            return self.get_response(request)
        with timezone.override(shown(request)):
            return self.get_response(request)


def own(request: HttpRequest) -> str:
    """The name of the zone that the browser tells; empty where it tells none, or none that we know."""
    name = request.COOKIES.get(ZONE, "").replace("%2F", "/")
    return name if name in _known() else ""


def shown(request: HttpRequest) -> tzinfo:
    """The zone in which times are written for this request."""
    name = own(request)
    return ZoneInfo(name) if name and request.COOKIES.get(TIMES) != IN_UTC else UTC


@require_POST
def switch(request: HttpRequest) -> HttpResponse:
    """Write times in UTC from now on, or in the browser's zone again; then back to where one was."""
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    response = redirect(back if is_ours and back.startswith(ADMIN) else "admin:index")
    if request.POST.get(TIMES) == IN_UTC:
        is_secure = request.is_secure()
        response.set_cookie(TIMES, IN_UTC, KEPT, path=PATH, secure=is_secure, httponly=True, samesite="Lax")
    else:
        response.delete_cookie(TIMES, path=PATH, samesite="Lax")
    return response


def switch_for_staff(request: HttpRequest) -> HttpResponse:
    """The switch, for whoever is signed in to the admin."""
    return admin.site.admin_view(switch)(request)  # type: ignore[return-value]


@cache
def _known() -> frozenset[str]:
    return frozenset(available_timezones())
