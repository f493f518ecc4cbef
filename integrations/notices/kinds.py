"""Kinds of notices: each is declared once, beside the code that publishes it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`name` is for programs, and stays; `title` says when it is told, for whoever chooses."""

    name: str
    title: str


_declared: dict[str, Kind] = {}


def register(name: str, title: str) -> Kind:
    """A kind, for good: endpoints know its name."""
    return _declared.setdefault(name, Kind(name, title))


def all_of_them() -> list[Kind]:
    return list(_declared.values())


TEST = Kind("test", "A test, which somebody asked for")  # nobody chooses it
