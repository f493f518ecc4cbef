"""Lists and JSON: values with others inside, within what Klaviyo takes."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from klaviyo.api import values
from klaviyo.syncs.columns import dates, numbers
from klaviyo.syncs.columns.cells import Reader, Trouble, checked, plain, shown, unmarked
from klaviyo.syncs.columns.texts import Change

SEPARATOR = ","


def lists(label: str, separator: str = SEPARATOR, change: Change | None = None) -> Reader:
    """A list: of JSON, or the parts of a text between separators, without blanks around them and empty ones."""

    def read(value: object, warnings: list[str]) -> list[Any] | None:
        if isinstance(value, str):
            text = value.strip()
            return clean(_parsed_list(text), label, warnings) if text[:1] == "[" else parts(text, separator, change)
        if isinstance(value, set | frozenset):
            value = sorted(value, key=plain)
        made = clean(value, label, warnings)
        return made if isinstance(made, list) else [made]

    return read


def parts(text: str, separator: str, change: Change | None) -> list[str] | None:
    found = [unmarked(part.strip()) for part in checked(text).split(separator)]
    kept = [part for part in (map(change, found) if change else found) if part]
    if len(kept) > values.MOST_ITEMS:
        raise Trouble(f"has {len(kept)} items, and Klaviyo takes {values.MOST_ITEMS}")
    return kept or None


def objects(label: str) -> Reader:
    """Any JSON."""

    def read(value: object, warnings: list[str]) -> Any:
        return clean(_loaded(value) if isinstance(value, str) else value, label, warnings)

    return read


def clean(value: object, label: str, warnings: list[str], depth: int = 1) -> Any:
    """A value as Klaviyo keeps it. Raises Trouble for what it does not take."""
    match value:
        case None | bool():
            return value
        case str():
            return checked(str(value))
        case int() | float() | Decimal():
            return numbers.of(value, label, warnings)
        case datetime() if value.tzinfo is not None:
            return dates.told(value.astimezone(UTC))
        case date():
            return value.isoformat()
        case dict() | list() | tuple() if depth > values.DEEPEST:
            raise Trouble(f"is nested too deep: Klaviyo takes {values.DEEPEST + 1} levels")
        case dict():
            return {checked(str(key)): clean(item, label, warnings, depth + 1) for key, item in value.items()}
        case list() | tuple():
            if len(value) > values.MOST_ITEMS:
                raise Trouble(f"has {len(value)} items, and Klaviyo takes {values.MOST_ITEMS}")
            return [clean(item, label, warnings, depth + 1) for item in value]
    return checked(plain(value))


def _parsed_list(text: str) -> list[Any]:
    found = _loaded(text)
    if not isinstance(found, list):
        raise Trouble("begins like a list of JSON, and is none: correct it in the source")
    return found


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, ArithmeticError, RecursionError):
        raise Trouble(f"{shown(text)} is no JSON: correct it in the source") from None


def _no_number(name: str) -> NoReturn:
    raise Trouble(f"{name} is no number that JSON has")
