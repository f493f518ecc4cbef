"""Views by their names: a page's code is imported with the first visit, or before a server's first visitor."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.module_loading import import_string

View = Callable[..., HttpResponse]

_views: list[str] = []


def view(name: str) -> View:
    """The view of that name, for a path: commands read all paths, and visit no page."""
    _views.append(name)

    def visited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        found: View = import_string(name)
        return found(request, *args, **kwargs)

    return visited


def load_all() -> dict[str, View]:
    """Import what the site's paths have named; for a server, so that no visitor waits for it."""
    return {name: import_string(name) for name in _views}
