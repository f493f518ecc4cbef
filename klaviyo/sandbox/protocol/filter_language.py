"""Filter parser of Klaviyo's language: `equals(email,"a@b.test"),greater-than(created,2026-01-01)`."""

import json
import re
from dataclasses import dataclass
from typing import Any

from klaviyo.sandbox.protocol.errors import Refusal, invalid_parameter

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<mark>[(),\[\]])|(?P<bare>[^\s"'(),\[\]]+))"""
)


@dataclass(frozen=True)
class Condition:
    """One parsed comparison; `value` is a str, number, bool, a list of those, or None for has()."""

    operator: str
    field: str
    value: Any


def parse(text: str) -> list[Condition]:
    tokens = _tokens(text)
    conditions: list[Condition] = []
    position = 0
    while True:
        position = _read_expression(tokens, position, conditions)
        if position == len(tokens):
            return conditions
        position = _expect(tokens, position, ",")


def wrong(detail: str) -> Refusal:
    return Refusal(invalid_parameter(detail, "filter"))


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise wrong(f"The filter cannot be read at character {position}.")
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


def _read_expression(tokens: list[tuple[str, str]], position: int, into: list[Condition]) -> int:
    kind, operator = _at(tokens, position)
    if kind != "bare":
        raise wrong(f"An operator was expected, not {operator}.")
    position = _expect(tokens, position + 1, "(")
    if operator == "and":
        position = _expect(tokens, _read_expression(tokens, position, into), ",")
        return _expect(tokens, _read_expression(tokens, position, into), ")")
    kind, name = _at(tokens, position)
    if kind != "bare":
        raise wrong(f"A field was expected, not {name}.")
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
        raise wrong("A list of values may not be empty.")
    return values, position + 1


def _scalar(kind: str, text: str) -> Any:
    if kind == "text":
        return re.sub(r"\\(.)", r"\1", text[1:-1]) if "\\" in text else text[1:-1]
    if kind == "mark":
        raise wrong(f"A value was expected, not {text}.")
    if text in ("true", "false"):
        return text == "true"
    try:
        return json.loads(text)
    except ValueError:
        return text


def _at(tokens: list[tuple[str, str]], position: int) -> tuple[str, str]:
    if position >= len(tokens):
        raise wrong("The filter ends too early.")
    return tokens[position]


def _expect(tokens: list[tuple[str, str]], position: int, mark: str) -> int:
    found = _at(tokens, position)
    if found != ("mark", mark):
        raise wrong(f"'{mark}' was expected, not {found[1]}.")
    return position + 1
