"""Tabs over a table: one for each state, with how much it holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import QuerySet

from integrations.pages.filtering import Filter

COUNTED = 10_000  # beyond, a tab says "more than"

AnyFilter = TypeVar("AnyFilter", bound=Filter)


@dataclass(frozen=True)
class Tab:
    name: str
    query: str
    is_current: bool
    count: str


def tab(chosen: AnyFilter, state: str, name: str, found: "Callable[[AnyFilter], QuerySet[Any]]") -> Tab:
    """The tab of a state; `found` gives the rows of a filter. What would be a long walk is not counted."""
    there = chosen.but(state=state)
    return Tab(name, there.query, chosen.state == state, _count(found(there)) if state and not there.is_wide else "")


def _count(rows: "QuerySet[Any]") -> str:
    """A count that never walks further than COUNTED rows."""
    count = rows.order_by()[: COUNTED + 1].count()
    return f"{COUNTED:,}+" if count > COUNTED else f"{count:,}"
