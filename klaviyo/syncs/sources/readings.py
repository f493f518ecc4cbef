"""Readings: how a file is to be read, chosen once and kept with its source; and what the file itself proposes.

The delimiter is the one whose rows agree best, the header the first full row. Nothing here is certain: a person sees it
and may change it.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from klaviyo.syncs.sources import encodings
from klaviyo.syncs.sources.contents import Content
from klaviyo.syncs.sources.lines import LONGEST, Lines
from klaviyo.syncs.sources.table import SourceError

JSON_LINES = "json lines"
DELIMITERS = ("\t", ";", "|", ",")  # of several that are as likely the first: a comma stands in texts and in numbers
SAMPLE = 1 << 18  # characters
MOST_LINES = 1000
HEADER_WITHIN = 20  # rows
ONE_DOCUMENT = "This is one JSON document. Put each object on a line of its own (JSON lines)."

_NO_NAME = re.compile(r"[\d\s.,:/%+-]*(?:T[\d:.,Z+-]+)?|.*@.*", re.DOTALL)
_ADDRESS = re.compile(r"\s*[^@\s]+@[^@\s]+\.[^@\s]+\s*")
LONGEST_NAME = 300
_OBJECT = re.compile(r'\s*\{\s*["}]')
_SEPARATOR_IS = re.compile(r'"?sep=(.)"?[\r\n]*', re.IGNORECASE)

csv.field_size_limit(LONGEST)  # for the process: https://docs.python.org/3/library/csv.html#csv.field_size_limit


@dataclass(frozen=True)
class Reading:
    """Encoding, delimiter (or `json lines`), and the line on which the header begins, if there is one."""

    encoding: str
    delimiter: str
    header_line: int | None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Reading":
        """As it was kept. Raises SourceError."""
        encoding, delimiter, line = (document.get(name) for name in ("encoding", "delimiter", "header_line"))
        if not isinstance(encoding, str) or not isinstance(delimiter, str):
            raise SourceError("How the file is to be read is not known. Choose its encoding and its delimiter.")
        checked_delimiter(delimiter)
        is_line = line is None or (isinstance(line, int) and not isinstance(line, bool) and line >= 1)
        if not is_line:
            raise SourceError("The line of the header is a number from 1, or left out where there is none.")
        return cls(encodings.checked(encoding), delimiter, line)

    def as_json(self) -> dict[str, Any]:
        return {"encoding": self.encoding, "delimiter": self.delimiter, "header_line": self.header_line}


def checked_delimiter(delimiter: str) -> str:
    """The same, if it may be one. Raises SourceError."""
    if delimiter != JSON_LINES and (len(delimiter) != 1 or delimiter in '"\r\n\0 '):
        raise SourceError("A delimiter is one character, such as a comma, a semicolon or a tab.")
    return delimiter


def proposed(content: Content, *, encoding: str | None = None, delimiter: str | None = None) -> Reading:
    """How the file is most likely to be read, with what somebody has chosen already. Raises SourceError."""
    encoding = encodings.checked(encoding) if encoding else encodings.of(content)
    sample = _sample(content, encoding)
    filled = [line.strip() for line in sample if line.strip()]
    if not filled:
        raise SourceError(encodings.EMPTY)
    if delimiter == JSON_LINES or (not delimiter and _is_json(filled)):
        return Reading(encoding, JSON_LINES, None)
    told = _SEPARATOR_IS.fullmatch(sample[0])  # as Excel has it
    if delimiter or told:
        delimiter = delimiter or (told[1] if told else "")
        guess = _Guess(delimiter, _rows(sample[1:], delimiter, first=2) if told else _rows(sample, delimiter))
        return Reading(encoding, delimiter, guess.line)
    guesses = [guess for one in DELIMITERS if (guess := _Guess(one, _rows(sample, one))).is_likely]
    if guesses:
        best = max(guesses, key=lambda guess: guess.score)
        return Reading(encoding, best.delimiter, best.line)
    if broken := next((one for one in DELIMITERS if one in filled[0] and _is_broken(sample, one)), None):
        return Reading(encoding, broken, next(at for at, line in enumerate(sample, 1) if line.strip()))
    free = next((one for one in reversed(DELIMITERS) if not any(one in line for line in sample)), ",")
    alone = _Guess(free, _rows(sample, free))
    return Reading(encoding, free, alone.line)


def _sample(content: Content, encoding: str) -> list[str]:
    with content.open() as file:
        lines, taken, room = Lines(file, encoding), list[str](), SAMPLE
        for line in lines:
            if len(taken) >= MOST_LINES or (room <= 0 and len(taken) > 1):
                break
            lines.begin()
            taken.append(line)
            room -= len(line)
    return taken


def _is_json(filled: Sequence[str]) -> bool:
    """Raises SourceError for JSON that is not in lines."""
    first = filled[0]
    if first in ("{", "[", "[{") or (first.startswith("[") and _OBJECT.match(first[1:])):
        raise SourceError(ONE_DOCUMENT)
    look = filled[:HEADER_WITHIN]
    return bool(_OBJECT.match(first)) or sum(bool(_OBJECT.match(line)) for line in look) * 2 > len(look)


@dataclass(frozen=True)
class _Row:
    line: int
    cells: list[str]

    @property
    def filled(self) -> int:
        return sum(bool(cell.strip()) for cell in self.cells)

    @property
    def width(self) -> int:
        """Up to the last cell that is not blank."""
        return next((place for place in range(len(self.cells), 0, -1) if self.cells[place - 1].strip()), 0)

    @property
    def likeness(self) -> float:
        """How much of it looks like names of columns, not like values."""
        return sum(_is_name(cell) for cell in self.cells[: self.width]) / max(self.width, 1)


def _is_broken(sample: Sequence[str], delimiter: str) -> bool:
    return not any(row.cells for row in _rows(sample, delimiter))


def _rows(sample: Sequence[str], delimiter: str, first: int = 1) -> list[_Row]:
    """The sample's rows that are not blank; a broken one has no cells."""
    reader = csv.reader(sample, delimiter=delimiter, strict=True)
    rows = list[_Row]()
    while True:
        begins = reader.line_num + first
        try:
            if (row := _Row(begins, next(reader))).width:
                rows.append(row)
        except StopIteration:
            break
        except csv.Error:
            rows.append(_Row(begins, []))
    return rows


class _Guess:
    """What the sample is by one delimiter."""

    def __init__(self, delimiter: str, rows: Sequence[_Row]) -> None:
        self.delimiter, self._rows = delimiter, rows
        self._full = self._width_of_full_rows()
        self._place = self._header()
        header = rows[self._place] if rows else _Row(1, [])
        is_header = header.likeness > 0 and not any(map(_is_address, header.cells))
        self.line = header.line if is_header else None
        self._columns, self._likeness = len(header.cells), header.likeness

    @property
    def is_likely(self) -> bool:
        """Whether it parts anything, beginning with the header."""
        if self._full < 2 or not self._rows:
            return False
        if self._rows[0].width > 1 or len(self._rows[0].cells) >= self._full:
            return True
        header = self._rows[self._place]  # there are lines before the table, or it is text with such a character in it
        is_prose = header.width == 2 and header.cells[1].startswith(" ")
        return header.likeness == 1.0 and not is_prose and self._agreement > 0.5

    @property
    def score(self) -> tuple[float, float, int, int]:
        is_prose = any(cell.startswith(" ") for cell in self._rows[self._place].cells[1:])
        return round(self._agreement * self._likeness, 1), -is_prose, self._columns, -self._place

    @property
    def _agreement(self) -> float:
        """The share of rows, from the header on, that have a value or a blank for each column and no more."""
        rows = self._rows[self._place :]
        return sum(row.width <= self._columns <= len(row.cells) for row in rows) / max(len(rows), 1)

    def _width_of_full_rows(self) -> int:
        whole = [row for row in self._rows if row.cells]
        if not whole:
            return 0
        usual = _most_common(len(row.cells) for row in whole)
        is_filled = any(row.width >= usual for row in whole)
        return usual if is_filled else _most_common(row.width for row in whole)

    def _header(self) -> int:
        rows, full = self._rows, self._full
        place = next((place for place, row in enumerate(rows) if self._may_be_header(row)), 0)
        if not rows or rows[place].width < full:  # it may be a title, and blanks beside it
            later = enumerate(islice(rows, place + 1, place + HEADER_WITHIN), place + 1)
            return next((at for at, row in later if row.width >= full and _is_full_of_names(row)), place)
        if place and rows[place].likeness < 1.0:  # a header that is shorter than the rows below it
            return place - 1 if rows[place - 1].width > 1 and rows[place - 1].likeness == 1.0 else place
        return place

    def _may_be_header(self, row: _Row) -> bool:
        return row.width >= self._full or (len(row.cells) >= self._full and row.filled * 2 > self._full)


def _is_full_of_names(row: _Row) -> bool:
    return row.filled == len(row.cells) and row.likeness == 1.0


def _is_name(cell: str) -> bool:
    return len(cell) <= LONGEST_NAME and not _NO_NAME.fullmatch(cell)


def _is_address(cell: str) -> bool:
    return len(cell) <= LONGEST_NAME and bool(_ADDRESS.fullmatch(cell))


def _most_common(widths: Iterable[int]) -> int:
    """Of several that are as common the largest."""
    counted = Counter(widths)
    return max(counted, key=lambda width: (counted[width], width))
