"""Tables: what every source is read as, row by row."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its values in the order of the columns, None where one is missing.

    The number is that of the line in a file on which the row begins, or the row's place; both from 1. Values of files
    are text; those of JSON lines, queries and tables are Python's.
    """

    number: int
    values: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read, and why, in a sentence. It may be any row of the table."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Warned:
    """What is to be said of the row with this number, which follows and is good."""

    number: int
    warning: str


class Table(Protocol):
    """Columns, and rows as they come; however many there are, memory stays the same."""

    @property
    def columns(self) -> tuple[str, ...]: ...

    def __iter__(self) -> Iterator[Row | BadRow | Warned]: ...


class SourceError(Exception):
    """The source cannot be read as a whole, or not to its end: a sentence that says what is wrong and what to do."""
