"""JSON lines: an object on each line, numbers with all their digits, and the line of what cannot be read.

Columns are the names in all objects, in the order in which they first come, so the file is looked through before it is
read.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import islice
from typing import Any, NoReturn

from klaviyo.syncs.sources.contents import Content
from klaviyo.syncs.sources.lines import Lines
from klaviyo.syncs.sources.readings import Reading
from klaviyo.syncs.sources.table import BadRow, Row, SourceError, Warned

DEEPEST = 50
MOST_COLUMNS = 200_000
LOOK = 10_000  # lines, where only the first rows are wanted
_KINDS = {
    list: "a list",
    str: "a text",
    int: "a number",
    Decimal: "a number",
    bool: "true or false",
    type(None): "null",
}
_HALF = re.compile("[\ud800-\udfff\0]")

Object = dict[str, Any]


class _Refused(Exception):
    """Why a line is no row, in words that follow its number."""


@dataclass
class JsonLinesTable:
    """A file of JSON lines. With `first` only so many rows are wanted, and columns of the first lines are enough."""

    content: Content
    reading: Reading
    first: int | None = None
    columns: tuple[str, ...] = field(init=False)
    _names: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        names = dict[str, int]()
        objects = self._objects()
        for _, row, _ in objects if self.first is None else islice(objects, max(self.first, LOOK)):
            if isinstance(row, dict) and not row.keys() <= names.keys():
                for name in row:
                    names.setdefault(name, len(names))
                if len(names) > MOST_COLUMNS:
                    raise SourceError(f"The objects have more than {MOST_COLUMNS:,} different names in all.")
        self._names = names
        self.columns = tuple(name or f"column_{place}" for place, name in enumerate(names, 1))

    def __iter__(self) -> Iterator[Row | BadRow | Warned]:
        names = self._names
        for number, row, doubled in self._objects():
            if isinstance(row, str):
                yield BadRow(number, f"line {number}{row}")
                continue
            if doubled:
                yield Warned(number, f"{', '.join(doubled)} is there twice; the last is taken")
            yield Row(number, tuple([row.get(name) for name in names]))

    def _objects(self) -> Iterator[tuple[int, Object | str, Sequence[str]]]:
        """For each line that is not blank its object, or why it is none; and names that came twice."""
        doubled = list[str]()

        def paired(pairs: list[tuple[str, Any]]) -> Object:
            found = dict(pairs)
            if len(found) < len(pairs):
                counted = Counter(name for name, _ in pairs)
                doubled.extend(name for name, times in counted.items() if times > 1 and name not in doubled)
            return found

        decode = json.JSONDecoder(object_pairs_hook=paired, parse_float=Decimal, parse_constant=_no_number).decode
        with self.content.open() as file:
            lines = Lines(file, self.reading.encoding)
            for line in lines:
                if not line.isspace():
                    doubled.clear()
                    yield lines.number, _object(line.rstrip("\r\n"), decode, lines), tuple(doubled)
                lines.begin()


def _object(line: str, decode: Any, lines: Lines) -> Object | str:
    if lines.problem:
        return lines.problem.removeprefix(f"line {lines.number}")
    try:
        _refuse_depth(line)
        found = decode(line)
        if not isinstance(found, dict):
            raise _Refused(f": an object is expected, not {_KINDS.get(type(found), 'this')}")
        if any(map(_HALF.search, found)):
            raise _Refused(": a name holds half of a character")
    except json.JSONDecodeError as error:
        return f", column {error.pos + 1}: this is no JSON"
    except _Refused as refused:
        return str(refused)
    except (ValueError, ArithmeticError):  # https://docs.python.org/3/library/stdtypes.html#int-max-str-digits
        return ": a number has too many digits"
    return found


def _refuse_depth(line: str) -> None:
    """What is nested too deeply would end the program that reads it, or one that reads what we write."""
    if line.count("[") + line.count("{") <= DEEPEST:
        return
    deep, is_text, is_escaped = 0, False, False
    for letter in line:
        if is_escaped:
            is_escaped = False
        elif is_text:
            is_escaped, is_text = letter == "\\", letter != '"'
        elif letter == '"':
            is_text = True
        elif letter in "[{":
            deep += 1
            if deep > DEEPEST:
                raise _Refused(f": lists and objects are nested more than {DEEPEST} deep")
        elif letter in "]}":
            deep -= 1


def _no_number(word: str) -> NoReturn:
    raise _Refused(f": {word} is no JSON")


def as_text(value: object) -> str | None:
    """A value as the file has it, as text; None where there is none."""
    if value is None or isinstance(value, str):
        return value
    return _written(value)


def _written(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {_written(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)
