"""Klaviyo's filter language: `equals(email,"a@b.test"),greater-than(created,2026-01-01)`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from klaviyo.sandbox.problems import Refusal, invalid_parameter
from klaviyo.sandbox.state import identifiers

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<mark>[(),\[\]])|(?P<bare>[^\s"'(),\[\]]+))"""
)
_COMPARISONS = {"greater-than": ">", "greater-or-equal": ">=", "less-than": "<", "less-or-equal": "<="}

EXACT = frozenset({"equals", "any"})
RANGE = frozenset(_COMPARISONS)
AFTER_OR_BEFORE = frozenset({"greater-than", "less-than"})
AFTER = frozenset({"greater-than"})


@dataclass(frozen=True)
class Condition:
    """One parsed comparison; `value` is a str, number, bool, a list of those, or None for has()."""

    operator: str
    field: str
    value: Any


@dataclass(frozen=True)
class Column:
    """A field that may be filtered on: where it is, how it may be compared, how its values read."""

    sql: str
    operators: frozenset[str]
    read: Callable[[Any], Any] = str


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
    for condition in parse(text) if text else []:
        column = columns.get(condition.field)
        if column is None:
            raise _wrong(f"'{condition.field}' is not a valid filter field. Use one of: {', '.join(columns)}.")
        if condition.operator not in column.operators:
            allowed = ", ".join(sorted(column.operators))
            raise _wrong(
                f"Invalid filter operator '{condition.operator}' for '{condition.field}'. Use one of: {allowed}."
            )
        found = found.and_also(*_clause(condition, column))
    return found


def parse(text: str) -> list[Condition]:
    tokens = _tokens(text)
    conditions: list[Condition] = []
    position = 0
    while True:
        position = _read_expression(tokens, position, conditions)
        if position == len(tokens):
            return conditions
        position = _expect(tokens, position, ",")


def moment(value: Any) -> str:
    """A filter's time, in the text form that the state keeps."""
    try:
        return identifiers.moment(identifiers.parsed(str(value)))
    except ValueError:
        raise _wrong(f"'{value}' is not an ISO 8601 date and time.") from None


def lower(value: Any) -> str:
    return str(value).lower()


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(f"'{value}' is not a number.")
    return min(float(value), 1e18) if value < 1e300 else 1e18


def boolean(value: Any) -> int:
    if not isinstance(value, bool):
        raise _wrong(f"'{value}' is not true or false.")
    return int(value)


def _clause(condition: Condition, column: Column) -> tuple[Any, ...]:
    if condition.operator == "has":
        return (f"{column.sql} IS NOT NULL",)
    given = condition.value if isinstance(condition.value, list) else [condition.value]
    values = [column.read(one) for one in given]
    if condition.operator in EXACT:
        if condition.operator == "any" and not isinstance(condition.value, list):
            raise _wrong(f"any() on '{condition.field}' needs a list of values.")
        marks = ", ".join("?" * len(values))
        clause = column.sql if "{}" in column.sql else f"{column.sql} {{}}"
        return (clause.format(f"IN ({marks})"), *values)
    if isinstance(condition.value, list):
        raise _wrong(f"{condition.operator}() on '{condition.field}' needs one value.")
    clause = column.sql if "{}" in column.sql else f"{column.sql} {{}}"
    if condition.operator == "contains":
        return (clause.format("LIKE ?"), f"%{values[0]}%")
    return (clause.format(f"{_COMPARISONS[condition.operator]} ?"), *values)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _wrong(f"The filter cannot be read at character {position}.")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def _read_expression(tokens: list[tuple[str, str]], position: int, into: list[Condition]) -> int:
    kind, operator = _at(tokens, position)
    if kind != "bare":
        raise _wrong(f"An operator was expected, not {operator}.")
    position = _expect(tokens, position + 1, "(")
    if operator == "and":
        position = _expect(tokens, _read_expression(tokens, position, into), ",")
        return _expect(tokens, _read_expression(tokens, position, into), ")")
    kind, name = _at(tokens, position)
    if kind != "bare":
        raise _wrong(f"A field was expected, not {name}.")
    position += 1
    value: Any = None
    if operator != "has":
        value, position = _read_value(tokens, _expect(tokens, position, ","))
    into.append(Condition(operator, name, value))
    return _expect(tokens, position, ")")


def _read_value(tokens: list[tuple[str, str]], position: int) -> tuple[Any, int]:
    if _at(tokens, position) != ("mark", "["):
        return _scalar(*_at(tokens, position)), position + 1
    values: list[Any] = []
    position += 1
    while _at(tokens, position) != ("mark", "]"):
        values.append(_scalar(*_at(tokens, position)))
        position += 1
        if _at(tokens, position) == ("mark", ","):
            position += 1
    if not values:
        raise _wrong("A list of values may not be empty.")
    return values, position + 1


def _scalar(kind: str, text: str) -> Any:
    if kind == "text":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    if kind == "mark":
        raise _wrong(f"A value was expected, not {text}.")
    if text in ("true", "false"):
        return text == "true"
    try:
        return json.loads(text)
    except ValueError:
        return text


def _at(tokens: list[tuple[str, str]], position: int) -> tuple[str, str]:
    if position >= len(tokens):
        raise _wrong("The filter ends too early.")
    return tokens[position]


def _expect(tokens: list[tuple[str, str]], position: int, mark: str) -> int:
    found = _at(tokens, position)
    if found != ("mark", mark):
        raise _wrong(f"'{mark}' was expected, not {found[1]}.")
    return position + 1


def _wrong(detail: str) -> Refusal:
    return Refusal(invalid_parameter(detail, "filter"))
