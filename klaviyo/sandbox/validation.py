"""Shapes that a request body must have; every fault is told with its JSON pointer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from klaviyo.sandbox.problems import Problem, Refusal, invalid
from klaviyo.sandbox.state import identifiers

_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)+"
)
_PHONE = re.compile(r"\+[1-9]\d{6,14}")
LONGEST_STRING = 100 * 1024
MOST_ITEMS = 4000
DEEPEST = 10


class Shape(Protocol):
    """Anything that can say what is wrong with a value."""

    def check(self, value: Any, at: str, found: list[Problem]) -> None: ...


@dataclass(frozen=True)
class Text:
    """A string; `choices` closes it, `longest` bounds it in characters, `form` looks closer."""

    nullable: bool = False
    choices: tuple[str, ...] = ()
    shortest: int = 0
    longest: int | None = None
    form: Callable[[str], str | None] | None = None

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if value is None and self.nullable:
            return
        if not isinstance(value, str):
            found.append(invalid("This value must be a string.", at))
        elif self.choices and value not in self.choices:
            found.append(invalid(f"This value must be one of: {', '.join(self.choices)}.", at))
        elif len(value) < self.shortest:
            found.append(invalid(f"This value must have at least {self.shortest} characters.", at))
        elif self.longest is not None and len(value) > self.longest:
            found.append(invalid(f"This value may have at most {self.longest} characters.", at))
        elif self.form and (wrong := self.form(value)):
            found.append(invalid(wrong, at))


@dataclass(frozen=True)
class Number:
    """A JSON number, or with `whole` an integer; a boolean is not one."""

    nullable: bool = False
    text_too: bool = False

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if (value is None and self.nullable) or (self.text_too and isinstance(value, str)):
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            found.append(invalid("This value must be a number.", at))


@dataclass(frozen=True)
class Boolean:
    """true or false."""

    nullable: bool = False

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if not isinstance(value, bool) and not (value is None and self.nullable):
            found.append(invalid("This value must be true or false.", at))


@dataclass(frozen=True)
class Members:
    """An object with these members and no others."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)
    nullable: bool = False

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if value is None and self.nullable:
            return
        if not isinstance(value, dict):
            found.append(invalid("This value must be an object.", at or "/"))
            return
        for name in self.required:
            if name not in value:
                found.append(invalid(f"'{name}' is a required field.", f"{at}/{name}"))
        for name, item in value.items():
            shape = self.required.get(name) or self.optional.get(name)
            if shape is None:
                found.append(invalid(f"'{name}' is not a valid field.", f"{at}/{_escaped(name)}"))
            else:
                shape.check(item, f"{at}/{name}", found)


@dataclass(frozen=True)
class Items:
    """An array whose members all have one shape."""

    shape: Shape
    fewest: int = 0
    most: int | None = None

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if not isinstance(value, list):
            found.append(invalid("This value must be an array.", at))
        elif len(value) < self.fewest:
            found.append(invalid(f"At least {self.fewest} item is required.", at))
        elif self.most is not None and len(value) > self.most:
            found.append(invalid(f"At most {self.most} items are allowed, {len(value)} were given.", at))
        else:
            for index, item in enumerate(value):
                self.shape.check(item, f"{at}/{index}", found)


@dataclass(frozen=True)
class Anything:
    """An object whose members are the sender's own, within Klaviyo's caps."""

    nullable: bool = False
    most: int | None = None

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if value is None and self.nullable:
            return
        if not isinstance(value, dict):
            found.append(invalid("This value must be an object.", at))
        elif self.most is not None and len(value) > self.most:
            found.append(invalid(f"At most {self.most} properties are allowed.", at))
        else:
            for name, item in value.items():
                _within_caps(item, at, name, found)


@dataclass(frozen=True)
class Sized:
    """A shape that may also not exceed a size, counted as JSON text."""

    shape: Shape
    most: int

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        self.shape.check(value, at, found)
        if len(json.dumps(value, ensure_ascii=False).encode()) > self.most:
            found.append(invalid(f"The payload may have at most {self.most} bytes.", at))


def parse(body: bytes, shape: Shape) -> Any:
    """The JSON of a body that has this shape; Refusal with every fault found otherwise."""
    found: list[Problem] = []
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
        if b"\\ud" in body or b"\\uD" in body:
            json.dumps(document, ensure_ascii=False).encode()
        shape.check(document, "", found)
    except ValueError as error:
        raise Refusal(invalid(f"The body is not valid JSON: {error}.", "/data")) from None
    except RecursionError:
        raise Refusal(invalid("The body is nested too deeply.", "/data")) from None
    if found:
        raise Refusal(*found[:200])
    return document


def email(text: str) -> str | None:
    if len(text) > 100:
        return "The email address may have at most 100 characters."
    local = text.partition("@")[0]
    dots = local.startswith(".") or local.endswith(".") or ".." in text
    return None if _EMAIL.fullmatch(text) and not dots else "Invalid email address"


def phone(text: str) -> str | None:
    if _PHONE.fullmatch(text):
        return None
    return "Invalid phone number format. Phone numbers must be in the E.164 format."


def moment(text: str) -> str | None:
    try:
        identifiers.parsed(text)
    except ValueError:
        return "This value must be an ISO 8601 date and time."
    return None


def _within_caps(item: Any, at: str, name: str, found: list[Problem], depth: int = 1) -> None:
    kind = type(item)
    if kind is str:
        if len(item) > LONGEST_STRING // 4 and len(item.encode()) > LONGEST_STRING:
            found.append(invalid(f"A string may have at most {LONGEST_STRING} bytes.", f"{at}/{_escaped(name)}"))
    elif kind is float and not math.isfinite(item):
        found.append(invalid("This number is too large.", f"{at}/{_escaped(name)}"))
    elif kind is dict or kind is list:
        at = f"{at}/{_escaped(name)}"
        if depth >= DEEPEST:
            found.append(invalid(f"Values may be nested at most {DEEPEST} deep.", at))
        elif kind is list and len(item) > MOST_ITEMS:
            found.append(invalid(f"An array may have at most {MOST_ITEMS} items.", at))
        else:
            inner = item.items() if kind is dict else enumerate(item)
            for key, value in inner:
                _within_caps(value, at, str(key), found, depth + 1)


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
