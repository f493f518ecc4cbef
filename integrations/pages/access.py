"""Access control: pages are for those who are signed in to the admin and have the page's own permission."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase

View = Callable[..., HttpResponseBase]


def for_operators(*permissions: str, also: str = "") -> Callable[[View], View]:
    """Signed in to the admin, and with that permission, or one of those, and with `also`; 403 otherwise."""

    def wrap(view: View) -> View:
        @wraps(view)
        def allowed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not any(map(request.user.has_perm, permissions)) or (also and not request.user.has_perm(also)):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return admin.site.admin_view(allowed)

    return wrap
