"""Who may see a page: signed in to the admin, and with the page's own permission."""

from collections.abc import Callable

from django.contrib import admin
from django.contrib.auth.decorators import permission_required
from django.http import HttpResponseBase

View = Callable[..., HttpResponseBase]


def for_operators(permission: str) -> Callable[[View], View]:
    """Signed in to the admin, and with that permission; 403 otherwise."""

    def wrap(view: View) -> View:
        allowed = permission_required(permission, raise_exception=True)(view)
        return admin.site.admin_view(allowed)

    return wrap
