"""Filters as SQL: the fields by which an operation may be filtered, and how each is compared."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from klaviyo.sandbox.protocol.filter_language import Condition, parse, wrong
from klaviyo.sandbox.state import identifiers

_COMPARISONS = {"greater-than": ">", "greater-or-equal": ">=", "less-than": "<", "less-or-equal": "<="}
_LIKE = {"contains": "%{}%", "starts-with": "{}%", "ends-with": "%{}"}

EXACT = frozenset({"equals", "any"})
RANGE = frozenset(_COMPARISONS)
AFTER_OR_BEFORE = frozenset({"greater-than", "less-than"})
AFTER = frozenset({"greater-than"})


@dataclass(frozen=True)
class Column:
    """A field that may be filtered on: where it is, how it may be compared, how its values read.

    `of_one` is a condition with a gap: all that is said of fields with the same text must hold for one item.
    """

    sql: str
    operators: frozenset[str]
    read: Callable[[Any], Any] = str
    of_one: str = ""


@dataclass(frozen=True)
class Where:
    """Conditions as SQL text with its values."""

    clauses: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()

    def and_also(self, clause: str, *values: Any) -> Where:
        return Where((*self.clauses, clause), (*self.values, *values))


def where(text: str | None, columns: Mapping[str, Column]) -> Where:
    """The SQL for a filter parameter; Refusal when a field or its operator is not for this operation."""
    found = Where()
    items: dict[str, Where] = {}
    for condition in parse(text) if text else []:
        column = columns.get(condition.field)
        if column is None:
            raise wrong(f"'{condition.field}' is not a valid filter field. Use one of: {', '.join(columns)}.")
        if condition.operator not in column.operators:
            allowed = ", ".join(sorted(column.operators))
            raise wrong(
                f"Invalid filter operator '{condition.operator}' for '{condition.field}'. Use one of: {allowed}."
            )
        if column.of_one:
            items[column.of_one] = items.get(column.of_one, Where()).and_also(*_clause(condition, column))
        else:
            found = found.and_also(*_clause(condition, column))
    for text_with_gap, item in items.items():
        found = found.and_also(text_with_gap.format(" AND ".join(item.clauses)), *item.values)
    return found


def moment(value: Any) -> str:
    """A filter's time, in the text form that the state keeps."""
    try:
        return identifiers.moment(identifiers.parsed(str(value)))
    except ValueError:
        raise wrong(f"'{value}' is not an ISO 8601 date and time.") from None


def lower(value: Any) -> str:
    return str(value).lower()


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong(f"'{value}' is not a number.")
    return min(float(value), 1e18) if value < 1e300 else 1e18


def one_of(*words: str) -> Callable[[Any], str]:
    """A reader of values that must be one of these words."""

    def read(value: Any) -> str:
        if value not in words:
            raise wrong(f"'{value}' is not one of: {', '.join(words)}.")
        return str(value)

    return read


def boolean(value: Any) -> int:
    if not isinstance(value, bool):
        raise wrong(f"'{value}' is not true or false.")
    return int(value)


def _clause(condition: Condition, column: Column) -> tuple[Any, ...]:
    if condition.operator == "has":
        return (f"{column.sql} IS NOT NULL",)
    given = condition.value if isinstance(condition.value, list) else [condition.value]
    values = [column.read(one) for one in given]
    if condition.operator in EXACT:
        if condition.operator == "any" and not isinstance(condition.value, list):
            raise wrong(f"any() on '{condition.field}' needs a list of values.")
        marks = ", ".join("?" * len(values))
        clause = column.sql if "{}" in column.sql else f"{column.sql} {{}}"
        gaps = clause.count("{}")
        return (clause.format(*[f"IN ({marks})"] * gaps), *values * gaps)
    if isinstance(condition.value, list):
        raise wrong(f"{condition.operator}() on '{condition.field}' needs one value.")
    clause = column.sql if "{}" in column.sql else f"{column.sql} {{}}"
    if condition.operator in _LIKE:
        literal = re.sub(r"([%_\\])", r"\\\1", str(values[0]))
        return (clause.format("LIKE ? ESCAPE '\\'"), _LIKE[condition.operator].format(literal))
    return (clause.format(f"{_COMPARISONS[condition.operator]} ?"), *values)
