"""Printing of outcomes: short and aligned for people, or JSON; never a secret."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from integrations.api.outcome import Outcome, Problem
from klaviyo.actions.exchanges import without_secrets

LONGEST = 200  # characters of a value for people
WIDEST = 48  # of a name


def as_json(value: Any, *, indent: int | None = None) -> str:
    """One line, or several: characters beyond ASCII stay escaped, so that nothing can break a terminal."""
    return json.dumps(without_secrets(value), indent=indent, default=str)


def for_people(outcome: Outcome) -> Iterator[str]:
    """The lines of an outcome."""
    yield f"{outcome.outcome}{f': {outcome.reason}' if outcome.reason else ''}"
    if not outcome.is_known:
        yield "It is not known whether it was done: look before you do it again."
    for name, problems in (("error", outcome.errors), ("warning", outcome.warnings)):
        yield from (f"  {name} {line}" for line in told(problems))
    rows = list(_rows("", without_secrets(outcome.data)))
    width = min(max((len(name) for name, _ in rows), default=0), WIDEST)
    yield from (f"  {name:<{width}}  {value}" for name, value in rows)


def told(problems: Sequence[Problem]) -> list[str]:
    """A line for each problem: where, what, and its code."""
    return [f"{one.pointer.strip('/') or one.code}: {one.detail or one.title or one.code}" for one in problems]


def lines_of_fields(problems: Sequence[Problem], option_of: Any) -> list[str]:
    """A line for each field that cannot be used, by the option that it is given with."""
    return [f"{option_of(one.pointer) or 'input'}: {one.detail}" for one in problems]


def _rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case None | {} | []:
            return
        case dict():
            for inner, found in value.items():
                yield from _rows(f"{name}.{inner}" if name else str(inner), found)
        case list() if any(isinstance(one, dict | list) for one in value):
            for number, found in enumerate(value):
                yield from _rows(f"{name}.{number}", found)
        case list():
            yield name, _short(", ".join(map(str, value)))
        case bool():
            yield name, "yes" if value else "no"
        case _:
            yield name, _short(str(value))


def _short(text: str) -> str:
    plain = "".join(character if character.isprintable() else " " for character in text)
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]}…"
