"""Shapes of single values (text, number, boolean) in a request body, and what a shape is."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from klaviyo.sandbox.protocol.errors import Problem, invalid

Fits = Callable[[Any], bool]


class Shape(Protocol):
    """Anything that can say what is wrong with a value.

    `fits` is quick and may say no to a value that `check` finds nothing wrong with, but never the other way round.
    """

    @property
    def fits(self) -> Fits: ...

    def check(self, value: Any, at: str, found: list[Problem]) -> None: ...


@dataclass(frozen=True)
class Text:
    """A string; `choices` closes it, `longest` bounds it in characters, `form` looks closer."""

    nullable: bool = False
    choices: tuple[str, ...] = ()
    shortest: int = 0
    longest: int | None = None
    form: Callable[[str], str | None] | None = None

    @cached_property
    def fits(self) -> Fits:
        nullable, choices, shortest, form = self.nullable, self.choices, self.shortest, self.form
        longest = math.inf if self.longest is None else self.longest
        if choices:
            return lambda value: value in choices if type(value) is str else value is None and nullable

        def fits(value: Any) -> bool:
            if type(value) is not str:
                return value is None and nullable
            return shortest <= len(value) <= longest and (form is None or not form(value))

        return fits

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

    @cached_property
    def fits(self) -> Fits:
        nullable, text_too = self.nullable, self.text_too

        def fits(value: Any) -> bool:
            kind = type(value)
            if kind is int or kind is float:
                return _is_finite(value)
            return (value is None and nullable) or (text_too and kind is str)

        return fits

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if (value is None and self.nullable) or (self.text_too and isinstance(value, str)):
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            found.append(invalid("This value must be a number.", at))


@dataclass(frozen=True)
class Boolean:
    """true or false."""

    nullable: bool = False

    @cached_property
    def fits(self) -> Fits:
        nullable = self.nullable
        return lambda value: value is True or value is False or (value is None and nullable)

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if not isinstance(value, bool) and not (value is None and self.nullable):
            found.append(invalid("This value must be true or false.", at))


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False
