"""Printing of outcomes: short and aligned for people, or JSON; never a secret."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from integrations.api.outcome import Outcome, Problem
from klaviyo.actions.exchanges import without_secrets

LONGEST = 200  # characters of a value for people
LONG = "--json has it"
FIRST = ("id", "name", "external_id", "email", "created", "status")
ONLY_FOR_PROGRAMS = ("type", "links", "relationships")
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
        yield from (f"  {name} {line}" for line in told([one for one in problems if not _is_said(one, outcome)]))
    data = without_secrets(outcome.data)
    if isinstance(data, dict) and isinstance(data.get("requests"), list):
        yield from _requests(data["requests"])
        return
    rows = list(_rows("", _plain(data)))
    width = min(max((len(name) for name, _ in rows), default=0), WIDEST)
    yield from (f"  {name:<{width}}  {value}" for name, value in rows)


def told(problems: Sequence[Problem]) -> list[str]:
    """A line for each problem: where, what, and its code."""
    return [f"{one.pointer.strip('/') or one.code}: {one.detail or one.title or one.code}" for one in problems]


def _is_said(problem: Problem, outcome: Outcome) -> bool:
    """Whether the outcome's sentence says it already."""
    return bool(problem.detail) and problem.detail.strip(" .") in outcome.reason


def _requests(requests: Sequence[Any]) -> Iterator[str]:
    """Those of a dry run, each with its body."""
    yield f"  nothing was sent; {len(requests)} request{'' if len(requests) == 1 else 's'} would go:"
    for one in requests:
        lacks = f"  (not allowed: {' '.join(one['lacks'])})" if one.get("lacks") else ""
        yield f"  {one.get('method')} {_printable(str(one.get('address')))}{lacks}"
        body = one.get("body")
        if body is not None:
            text = _printable(body) if isinstance(body, str) else as_json(body, indent=2)
            yield from (f"    {line}" for line in text.splitlines())


def _plain(value: Any) -> Any:
    """A resource without what only programs need, with what it is known by first."""
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if not isinstance(value, dict):
        return value
    attributes = value.get("attributes")
    is_resource = isinstance(attributes, dict) and "id" in value
    rest = {
        name: one for name, one in value.items() if not is_resource or name not in (*ONLY_FOR_PROGRAMS, "attributes")
    }
    flat = {**attributes, **rest} if isinstance(attributes, dict) and is_resource else rest
    order = sorted(flat, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
    return {name: _plain(flat[name]) for name in order if name != "links"}


def lines_of_fields(problems: Sequence[Problem], option_of: Any) -> list[str]:
    """A line for each field that cannot be used, by the option that it is given with."""
    return [f"{option_of(one.pointer) or 'input'}: {one.detail}" for one in problems]


def _rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case None | "" | []:
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
    plain = _printable(text)
    return plain if len(plain) <= LONGEST else f"({len(plain):,} characters: {LONG})"


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
