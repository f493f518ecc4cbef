"""Validation of request bodies by shapes; every fault is told with its JSON pointer."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.scalar_shapes import Boolean, Fits, Number, Shape, Text

__all__ = ["Anything", "Boolean", "Items", "Members", "Number", "Shape", "Sized", "Text", "is_larger", "parse"]

_encode = json.JSONEncoder(ensure_ascii=False).encode
LONGEST_STRING = 100 * 1024
MOST_ITEMS = 4000
DEEPEST = 10


@dataclass(frozen=True)
class Members:
    """An object with these members and no others."""

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)
    nullable: bool = False

    @cached_property
    def fits(self) -> Fits:
        nullable, required = self.nullable, tuple(self.required)
        members = {name: shape.fits for name, shape in {**self.optional, **self.required}.items()}

        def fits(value: Any) -> bool:
            if type(value) is not dict:
                return value is None and nullable
            for name in required:
                if name not in value:
                    return False
            for name, item in value.items():
                fit = members.get(name)
                if fit is None or not fit(item):
                    return False
            return True

        return fits

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

    @cached_property
    def fits(self) -> Fits:
        fit, fewest = self.shape.fits, self.fewest
        most = math.inf if self.most is None else self.most
        return lambda value: type(value) is list and fewest <= len(value) <= most and all(map(fit, value))

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

    @cached_property
    def fits(self) -> Fits:
        nullable = self.nullable
        most = math.inf if self.most is None else self.most

        def fits(value: Any) -> bool:
            if type(value) is not dict:
                return value is None and nullable
            found: list[Problem] = []
            for name, item in value.items():
                if type(item) is not str or len(item) > LONGEST_STRING // 4:
                    _within_caps(item, "", name, found)
            return len(value) <= most and not found

        return fits

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

    @cached_property
    def fits(self) -> Fits:
        fit, most = self.shape.fits, self.most
        return lambda value: fit(value) and not is_larger(value, most)

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        self.shape.check(value, at, found)
        if is_larger(value, self.most):
            found.append(invalid(f"The payload may have at most {self.most} bytes.", at))


def parse(body: bytes, shape: Shape) -> Any:
    """The JSON of a body that has this shape; Refusal with every fault found otherwise."""
    found: list[Problem] = []
    try:
        document = json.loads(body, parse_constant=_refuse_constant)
        if b"\\ud" in body or b"\\uD" in body:
            _encode(document).encode()
        if not shape.fits(document):
            shape.check(document, "", found)
    except ValueError as error:
        raise Refusal(invalid(f"The body is not valid JSON: {error}.", "/data")) from None
    except RecursionError:
        raise Refusal(invalid("The body is nested too deeply.", "/data")) from None
    if found:
        raise Refusal(*found[:200])
    return document


def is_larger(value: Any, most: int) -> bool:
    """Whether the JSON text of a value has more bytes than that."""
    # No character is longer in JSON than four times what it takes in a repr, which is quick.
    return 4 * len(repr(value)) > most and len(_encode(value).encode()) > most


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


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
