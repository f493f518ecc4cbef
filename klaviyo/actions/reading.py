"""Questions of an answer: sparse fields, related things, filter and sort, each held against what Klaviyo publishes."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from klaviyo.actions.inputs import Listing, Reading
from klaviyo.api.published import Published

_CALL = re.compile(r"\s*([a-z-]+)\s*\(")
_JOINS = frozenset({"and", "or", "not"})


@dataclass(frozen=True)
class Listed:
    """A list to walk: which operation, where in its path, and with what query besides cursor and size."""

    operation: str
    path: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    then: tuple[Mapping[str, str], ...] = ()  # further queries, whose pages follow


def query(given: Reading, asked: Published, *, also: Mapping[str, Iterable[str]] | None = None) -> dict[str, str]:
    """The query parameters of what is asked for; `also` names parameters and words that are asked for anyway."""
    made: dict[str, list[str]] = {name: list(words) for name, words in (also or {}).items()}
    for name, words in _asked_for(given, asked):
        made[name] = list(dict.fromkeys([*made.get(name, []), *words]))
    found = {name: ",".join(words) for name, words in made.items()}
    if isinstance(given, Listing):
        found |= {name: text for name in ("filter", "sort") if (text := getattr(given, name))}
    return found


def problems(given: Reading, asked: Published) -> Iterable[tuple[str, str]]:
    """What cannot be asked: the field of the input, and a sentence."""
    for name, words in _asked_for(given, asked):
        input = _input(name, asked)
        if name not in asked.query:
            yield input, f"{asked.id} takes no {input}."
            continue
        known = asked.query[name] or ()
        for word in words:
            if word not in known:
                yield input, f"{word} is none of its {input}{_nearest(word, known) or '.'}"
    if not isinstance(given, Listing):
        return
    if given.sort is not None:
        known = asked.query.get("sort") or ()
        if given.sort not in known:
            told = f" It sorts by: {', '.join(known)}." if known else " It cannot be sorted."
            yield "sort", f"{given.sort} is nothing to sort by.{told}"
    if given.filter is not None:
        problem = filter_problem(given.filter, asked)
        if problem:
            yield "filter", problem


def filter_problem(text: str, asked: Published) -> str:
    """Why Klaviyo would not take the filter; empty when it would. https://developers.klaviyo.com/en/docs/filtering_"""
    if not asked.filters:
        return f"{asked.id} takes no filter."
    try:
        conditions = list(_conditions(text))
    except ValueError as error:
        return str(error)
    for operator, field_name in conditions:
        operators = asked.filters.get(field_name)
        if operators is None:
            known = ", ".join(asked.filters)
            near = _nearest(field_name, asked.filters) or "."
            return f"It cannot be filtered by {field_name}{near} It can by: {known}."
        if operator not in operators:
            return f"{field_name} cannot be compared by {operator}: it can by {', '.join(operators)}."
    return ""


def _asked_for(given: Reading, asked: Published) -> Iterable[tuple[str, list[str]]]:
    if given.fields:
        yield f"fields[{asked.resource}]", given.fields
    if given.additional_fields:
        yield f"additional-fields[{asked.resource}]", given.additional_fields
    if given.include:
        yield "include", given.include
    for resource in ("event", "metric", "profile"):
        if words := getattr(given, f"{resource}_fields", None):
            yield f"fields[{resource}]", words


def _input(parameter: str, asked: Published) -> str:
    """The field of the input that became a parameter of the query."""
    kind, _, resource = parameter.rstrip("]").partition("[")
    if kind == "fields" and resource != asked.resource:
        return f"{resource}_fields"
    return kind.replace("-", "_")


def _conditions(text: str) -> Iterable[tuple[str, str]]:
    """Each condition's operator and field. Raises ValueError with a sentence."""
    at = 0
    while at < len(text):
        match = _CALL.match(text, at)
        if not match:
            raise ValueError(
                f"The filter cannot be read from its {at + 1}. character on: it is made of name(field,value)."
            )
        inner, at = _inside(text, match.end())
        if match[1] in _JOINS:
            yield from _conditions(inner)
        else:
            name, comma, value = inner.partition(",")
            if (
                not re.fullmatch(r"[\w.$\-\[\]\"']+", name.strip())
                or (not comma and match[1] != "has")
                or (comma and not value.strip())
            ):
                raise ValueError(f"In the filter, {match[1]}(…) needs a field and a value.")
            yield match[1], name.strip()
        while at < len(text) and text[at] in ", \t":
            at += 1


def _inside(text: str, start: int) -> tuple[str, int]:
    """What is between the bracket that opens before `start` and its end, and where it goes on."""
    depth, at, quoted = 1, start, ""
    while at < len(text):
        character = text[at]
        if quoted:
            at += character == "\\"
            quoted = "" if character == quoted else quoted
        elif character in "\"'":
            quoted = character
        elif character == "(":
            depth += 1
        elif character == ")":
            depth -= 1
            if not depth:
                return text[start:at], at + 1
        at += 1
    raise ValueError("In the filter a bracket or a quotation mark is not closed.")


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def sized(query: Mapping[str, str], page: tuple[int, int], limit: int) -> dict[str, str]:
    """A first query: the largest page that is of use, where pages have a size."""
    return {**query, **({"page[size]": str(min(page[1], max(limit, 1)))} if page[1] else {})}
