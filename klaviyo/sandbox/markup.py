"""HTML markup in which everything is escaped unless it is HTML already."""

from collections.abc import Iterable
from html import escape
from typing import Any


class Html(str):
    """Text that may stand in a page as it is."""

    __slots__ = ()


def fill(template: str, **values: Any) -> Html:
    """The template with its {names} filled in; every value that is not Html is escaped."""
    return Html(template.format(**{name: _safe(value) for name, value in values.items()}))


def join(parts: Iterable[Html], between: str = "") -> Html:
    return Html(between.join(parts))


def _safe(value: Any) -> str:
    return value if isinstance(value, Html) else escape(str(value))
