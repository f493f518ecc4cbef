"""Tabs over a table: one for each state, with how much it holds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import IntegerField, QuerySet, Subquery

from integrations.models import Delivery
from integrations.pages.filtering import Filter

COUNTED = 10_000  # beyond, a tab says "more than"

AnyFilter = TypeVar("AnyFilter", bound=Filter)


@dataclass(frozen=True)
class Tab:
    name: str
    query: str
    is_current: bool
    count: str


class _CountOf(Subquery):
    """How many rows a query finds, which may be cut: a part of another query."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


def of(chosen: AnyFilter, shown: Iterable[tuple[str, str]], found: "Callable[[AnyFilter], QuerySet[Any]]") -> list[Tab]:
    """A tab for each state and its name; `found` gives the rows of a filter.

    What would be a long walk is not counted, and nothing further than COUNTED rows; all of it is one query.
    """
    there = {state: chosen.but(state=state) for state, _ in shown}
    counted = {state: found(one) for state, one in there.items() if state and not one.is_wide}
    parts = {f"in_{state}": _CountOf(rows.order_by().values("pk")[: COUNTED + 1]) for state, rows in counted.items()}
    first = Delivery.objects.order_by("pk").annotate(**parts).values(*parts).first() if parts else None
    counts = first or {}
    words = {state: _words(counts.get(f"in_{state}")) for state in counted}
    return [Tab(name, there[state].query, chosen.state == state, words.get(state, "")) for state, name in shown]


def _words(count: int | None) -> str:
    return f"{COUNTED:,}+" if count and count > COUNTED else f"{count or 0:,}"
