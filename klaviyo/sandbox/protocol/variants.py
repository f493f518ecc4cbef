"""Shapes with variants: constants, null, one shape of several, and shapes by their names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from klaviyo.sandbox.protocol.errors import Problem, invalid
from klaviyo.sandbox.protocol.scalar_shapes import Fits, Shape
from klaviyo.sandbox.protocol.validation import Members


@dataclass(frozen=True)
class Constant:
    """One of these values; true is not 1."""

    values: tuple[Any, ...]

    @property
    def fits(self) -> Fits:
        return self.holds

    def holds(self, value: Any) -> bool:
        return any(type(value) is type(one) and value == one for one in self.values)

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if not self.holds(value):
            found.append(_choose(self.values, at))


@dataclass(frozen=True)
class Null:
    """null, or with a shape that as well."""

    shape: Shape | None = None

    @property
    def fits(self) -> Fits:
        return lambda value: value is None or (self.shape is not None and self.shape.fits(value))

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if value is None:
            return
        if self.shape is None:
            found.append(invalid("This value must be null.", at))
        else:
            self.shape.check(value, at, found)


@dataclass(frozen=True)
class Whole:
    """An integer."""

    @property
    def fits(self) -> Fits:
        return lambda value: type(value) is int

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        if type(value) is not int:
            found.append(invalid("This value must be an integer.", at))


@dataclass(frozen=True)
class Named:
    """The shape of that name, looked up when it is needed: shapes may hold one another."""

    name: str
    look: Callable[[str], Shape]

    @cached_property
    def shape(self) -> Shape:
        return self.look(self.name)

    @property
    def fits(self) -> Fits:
        return lambda value: self.shape.fits(value)

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        self.shape.check(value, at, found)


@dataclass(frozen=True)
class OneOf:
    """Any of several shapes; a value that fits none is held against the one whose constants it has."""

    shapes: tuple[Shape, ...]

    @property
    def fits(self) -> Fits:
        return lambda value: any(one.fits(value) for one in self.shapes)

    def check(self, value: Any, at: str, found: list[Problem]) -> None:
        complaints = [self._complaints(one, value, at) for one in self.shapes]
        if not all(complaints):
            return
        left = list(self.shapes)
        for name in _constants(self.shapes):
            fitting = [one for one in left if _agrees(one, name, value)]
            if not fitting:
                if isinstance(value, dict) and name not in value:
                    found.append(invalid(f"'{name}' is a required field.", f"{at}/{name}"))
                    return
                told = dict.fromkeys(choice for one in left for choice in _choices(one, name))
                found.append(_choose(tuple(told), f"{at}/{name}"))
                return
            left = fitting
        kept = [told for shape, told in zip(self.shapes, complaints, strict=True) if shape in left]
        fewest: list[Problem] = min(kept, key=len)
        found += fewest

    @staticmethod
    def _complaints(shape: Shape, value: Any, at: str) -> list[Problem]:
        found: list[Problem] = []
        shape.check(value, at, found)
        return found


def _members(shape: Shape) -> dict[str, Shape]:
    while isinstance(shape, Named):
        shape = shape.shape
    return {**shape.required, **shape.optional} if isinstance(shape, Members) else {}


def _choices(shape: Shape, name: str) -> tuple[Any, ...]:
    member = _members(shape).get(name)
    return member.values if isinstance(member, Constant) else ()


def _constants(shapes: tuple[Shape, ...]) -> Iterator[str]:
    """The names under which shapes have constants, those that more of them have before the others."""
    counted: dict[str, int] = {}
    for shape in shapes:
        for name in _members(shape):
            counted[name] = counted.get(name, 0) + bool(_choices(shape, name))
    return iter(sorted((name for name, number in counted.items() if number), key=lambda name: -counted[name]))


def _agrees(shape: Shape, name: str, value: Any) -> bool:
    if not isinstance(value, dict):
        return True
    member = _members(shape).get(name)
    if isinstance(member, Constant):
        return name in value and member.holds(value[name])
    return True


def _choose(values: tuple[Any, ...], at: str) -> Problem:
    words = (str(one).lower() if isinstance(one, bool) else str(one) for one in values)
    return invalid(f"This value must be one of: {', '.join(words)}.", at)
