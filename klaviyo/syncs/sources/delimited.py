"""Delimited files (CSV): rows of text by the rules of RFC 4180, strictly, with the line on which each begins.

A blank line is nothing. A short row is good, and warned of; a long one is refused, and so is one that breaks the rules.
Where a quotation mark is at fault that may have swallowed rows, nothing after it can be trusted: reading stops.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from klaviyo.syncs.sources import encodings
from klaviyo.syncs.sources.contents import Content
from klaviyo.syncs.sources.lines import Lines
from klaviyo.syncs.sources.readings import Reading
from klaviyo.syncs.sources.table import BadRow, Row, SourceError, Warned

SHORT = "shorter than the header: missing values are empty"


@dataclass
class DelimitedTable:
    """A delimited file, read by its reading. Raises SourceError when it is made, if its header cannot be read."""

    content: Content
    reading: Reading
    columns: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self.columns = self._columns()

    def __iter__(self) -> Iterator[Row | BadRow | Warned]:
        with self.content.open() as file:
            lines = Lines(file, self.reading.encoding)
            rows = self._reader(lines)
            if self.reading.header_line is not None:
                next(rows, None)
            yield from self._rows(lines, rows)

    def _columns(self) -> tuple[str, ...]:
        with self.content.open() as file:
            lines = Lines(file, self.reading.encoding)
            rows = self._reader(lines)
            try:
                first = next(rows, None)
            except csv.Error:
                raise SourceError(
                    f"The header cannot be read. {_Fault.of(lines, self.reading.delimiter).said}"
                ) from None
            if lines.problem:
                raise SourceError(f"The header cannot be read: {lines.problem}.")
        if self.reading.header_line is None:
            return tuple(f"column_{place}" for place, _ in enumerate(first or [], 1))
        if first is None:
            raise SourceError(encodings.EMPTY if not lines.number else "There is no such line as the header's.")
        if not any(map(str.strip, first)):
            raise SourceError(f"Line {self.reading.header_line} is blank. Choose the line of the header.")
        return named(first)

    def _reader(self, lines: Lines) -> "Iterator[list[str]]":
        lines.skip((self.reading.header_line or 1) - 1)
        lines.begin()
        return csv.reader(lines, delimiter=self.reading.delimiter, strict=True)

    def _rows(self, lines: Lines, rows: Iterator[list[str]]) -> Iterator[Row | BadRow | Warned]:
        width, delimiter = len(self.columns), self.reading.delimiter
        blank_and_quote, strip = f'{delimiter} "', str.strip
        while True:
            number = lines.number + 1
            lines.begin()
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error:
                yield self._broken(number, lines)
                continue
            if lines.problem:
                yield BadRow(number, lines.problem)
            elif not cells or not (strip(cells[0]) or any(map(strip, cells))):
                continue
            elif blank_and_quote in lines.row[0] and any(cell.startswith(' "') for cell in cells):
                yield BadRow(
                    number, f"line {number}: a blank stands before a quotation mark, which quotes nothing then"
                )
            elif len(cells) == width:
                yield Row(number, tuple(cells))
            else:
                yield from self._of_other_width(number, cells, lines)

    def _of_other_width(self, number: int, cells: list[str], lines: Lines) -> Iterator[Row | BadRow | Warned]:
        width = len(self.columns)
        if len(cells) > width:
            if any(map(str.strip, cells[width:])):
                yield BadRow(number, f"line {number}: {len(cells)} values for {_columns(width)}")
            else:
                yield Row(number, tuple(cells[:width]))
        elif len(lines.row) > 1:  # a quotation mark that was left open ends somewhere in the next lines
            said = f"{len(cells)} values for {_columns(width)}, on lines {number} to {lines.number}"
            yield BadRow(number, f"line {number}: {said}")
        else:
            yield Warned(number, SHORT)
            yield Row(number, (*cells, *[None] * (width - len(cells))))

    def _broken(self, number: int, lines: Lines) -> BadRow:
        """Raises SourceError when rows may have been swallowed."""
        fault = _Fault.of(lines, self.reading.delimiter)
        if fault.is_open or len(lines.row) > 1:
            raise SourceError(fault.said)
        return BadRow(number, fault.said)


@dataclass(frozen=True)
class _Fault:
    """Where the rules are broken in a row, by line and column; and where the quotation mark before that opened."""

    opened: tuple[int, int]
    broken: tuple[int, int] | None

    @classmethod
    def of(cls, lines: Lines, delimiter: str) -> "_Fault":
        first = lines.number - len(lines.row) + 1
        opened, is_quoted, may_open, closed = (first, 1), False, True, False
        for number, line in enumerate(lines.row, first):
            for column, letter in enumerate(line, 1):
                if is_quoted:
                    if letter == '"':
                        is_quoted, closed = False, True
                elif letter == '"' and closed:
                    is_quoted, closed = True, False
                elif letter == delimiter or letter in "\r\n":
                    may_open, closed = True, False
                    continue
                elif closed:
                    return cls(opened, (number, column))
                elif letter == '"' and may_open:
                    opened, is_quoted = (number, column), True
                may_open = False
        return cls(opened, None)

    @property
    def is_open(self) -> bool:
        return self.broken is None

    @property
    def said(self) -> str:
        line, column = self.opened
        if self.broken is None:
            return f"line {line}, column {column}: a quotation mark opens here and is never closed"
        if self.broken[0] == line:
            return f"line {line}, column {self.broken[1]}: text after a closing quotation mark"
        return (
            f"line {line}, column {column}: a quotation mark opens here, and the next one, in line {self.broken[0]}, "
            "has text after it"
        )


def named(cells: Sequence[str]) -> tuple[str, ...]:
    """Names for columns, each once: of those that are alike but for capitals, the second gets a 2, and so on."""
    seen, taken, names = dict[str, int](), {cell.strip().casefold() for cell in cells}, list[str]()
    for place, cell in enumerate(cells, 1):
        name = cell.strip() or f"column_{place}"
        folded = name.casefold()
        number = seen[folded] = seen.get(folded, 0) + 1
        if number > 1 or (not cell.strip() and folded in taken):
            number = max(number, 2)
            while f"{folded}_{number}" in taken:
                number += 1
            seen[folded] = number
            name = f"{name}_{number}"
        taken.add(name.casefold())
        names.append(name)
    return tuple(names)


def _columns(width: int) -> str:
    return f"{width} column{'' if width == 1 else 's'}"
