"""Shapes of values whose form depends on one of their members, of whole numbers, of dates and of free objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from klaviyo.sandbox.protocol.errors import Problem, invalid
from klaviyo.sandbox.protocol.scalar_shapes import Fits, Shape


@dataclass(frozen=True)
class Variants:
    """An object whose member `by` says which of these shapes it has; without that member it is the `default`."""

    by: str
    shapes: Mapping[Any, Shape]
    default: Any = None
    nullable: bool = False

    @cached_property
    def fits(self) -> Fits:
        fits = {name: shape.fits for name, shape in self.shapes.items()}
        by, default, nullable = self.by, self.default, self.nullable

        def chosen(value: Any) -> bool:
            if type(value) is not dict:
                return value is None and nullable
            name = value.get(by, default)
            fit = fits.get(name) if isinstance(name, str | bool) else None
            return fit is not None and fit(value)

        return chosen

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if value is None and self.nullable:
            return
        if not isinstance(value, dict):
            found.append(invalid("This value must be an object.", at))
            return
        name = value.get(self.by, self.default)
        shape = self.shapes.get(name) if isinstance(name, str | bool) else None
        if shape is not None:
            shape.check(value, at, found)
        elif self.by not in value:
            found.append(invalid(f"'{self.by}' is a required field.", f"{at}/{self.by}"))
        else:
            choices = ", ".join(str(one).lower() if isinstance(one, bool) else one for one in self.shapes)
            found.append(invalid(f"This value must be one of: {choices}.", f"{at}/{self.by}"))


@dataclass(frozen=True)
class Whole:
    """An integer; `choices` closes it, `least` bounds it."""

    nullable: bool = False
    choices: tuple[int, ...] = ()
    least: int | None = None

    @cached_property
    def fits(self) -> Fits:
        return lambda value: self._wrong(value) is None

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        wrong = self._wrong(value)
        if wrong:
            found.append(invalid(wrong, at))

    def _wrong(self, value: Any) -> str | None:
        if value is None and self.nullable:
            return None
        if type(value) is not int:
            return "This value must be an integer."
        if self.choices and value not in self.choices:
            return f"This value must be one of: {', '.join(map(str, self.choices))}."
        if self.least is not None and value < self.least:
            return f"This value must be at least {self.least}."
        return None


@dataclass(frozen=True)
class Constant:
    """One boolean, and not the other."""

    value: bool

    @cached_property
    def fits(self) -> Fits:
        return lambda value: value is self.value

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if value is not self.value:
            found.append(invalid(f"This value must be {str(self.value).lower()}.", at))


@dataclass(frozen=True)
class Free:
    """Any JSON object."""

    nullable: bool = False

    @cached_property
    def fits(self) -> Fits:
        return lambda value: type(value) is dict or (value is None and self.nullable)

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if not self.fits(value):
            found.append(invalid("This value must be an object.", at))


@dataclass(frozen=True)
class Optional:
    """Null, or a value of this shape."""

    shape: Shape

    @cached_property
    def fits(self) -> Fits:
        fit = self.shape.fits
        return lambda value: value is None or fit(value)

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if value is not None:
            self.shape.check(value, at, found)


def day(text: str) -> str | None:
    """What is wrong with a text as a date; a form of `Text`."""
    try:
        date.fromisoformat(text)
    except ValueError:
        return "This value must be an ISO 8601 date."
    return None
