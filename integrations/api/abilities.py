"""Abilities: what tokens may be allowed, as parts of the product declare it; the form keeps their order."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ability:
    """One word that a token may hold. A `group` stands together in the form; what is dangerous is marked there.

    Only who has the `permission`, where there is one, may give it to a token.
    """

    name: str
    title: str
    group: str = ""
    is_dangerous: bool = False
    permission: str = ""


READ = Ability("read", "Everything that only reads")
RAW = Ability("raw", "Raw requests, to anything that a provider offers", is_dangerous=True)
_declared: dict[str, Ability] = {one.name: one for one in (READ, RAW)}


def declare(*abilities: Ability) -> None:
    """Make abilities known; called by an app's `ready`, so it must cost nothing."""
    for one in abilities:
        _declared[one.name] = one


def all_of_them() -> list[Ability]:
    return list(_declared.values())


def title(name: str) -> str:
    """In words; one that is not declared any more has its name only."""
    return _declared[name].title if name in _declared else name


def unknown(names: Iterable[str]) -> list[str]:
    """Those of the names that nobody has declared."""
    return [name for name in names if name not in _declared]
