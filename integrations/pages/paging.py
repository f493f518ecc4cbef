"""Keyset pagination: rows by their ids, newest first, and never a count of pages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet

PAGE = 50

Found = TypeVar("Found", bound=Model)
Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Page(Generic[Shown]):
    """A page of rows, newest first; `newer` and `older` are ids to go on from, None where there is nothing more."""

    rows: list[Shown]
    newer: int | None
    older: int | None


def of(found: "QuerySet[Found]", query: Any, shown: Callable[[Found], Shown]) -> Page[Shown]:
    """The rows older than the query's `before`, or newer than its `after`; each as `shown` makes it."""
    before, after = number(query.get("before")), number(query.get("after"))
    if after is not None:
        rows = list(found.filter(pk__gt=after).order_by("pk")[: PAGE + 1])[::-1]
        has_newer = len(rows) > PAGE
        rows = rows[-PAGE:]
        has_older = bool(rows) and found.filter(pk__lt=rows[-1].pk).exists()
    else:
        narrowed = found.filter(pk__lt=before) if before is not None else found
        rows = list(narrowed.order_by("-pk")[: PAGE + 1])
        has_newer, has_older = before is not None, len(rows) > PAGE
        rows = rows[:PAGE]
    return Page(
        rows=[shown(row) for row in rows],
        newer=rows[0].pk if rows and has_newer else None,
        older=rows[-1].pk if rows and has_older else None,
    )


def number(text: str | None) -> int | None:
    """An id from an address; None for anything else."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else None
