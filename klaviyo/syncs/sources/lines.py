"""Lines of a file, as an editor numbers them: ended by CR, LF or both; what cannot be read in them is named."""

import codecs
import io
from collections.abc import Iterator
from typing import BinaryIO

from klaviyo.syncs.sources import encodings
from klaviyo.syncs.sources.table import SourceError

LONGEST = 1 << 24  # characters of a row
NO_CHARACTER = "\udcff"  # stands for bytes that are none
_HANDLER = "sorae.no_character"


def _mark(error: UnicodeError) -> tuple[str, int]:
    """The bytes are left out, and their place is seen: https://docs.python.org/3/library/codecs.html#codecs.register_error"""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return NO_CHARACTER, error.end


codecs.register_error(_HANDLER, _mark)


class Lines:
    """Iterate once. `begin` is told where a row begins: `row` holds its lines, and `problem` what is wrong in them."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        # Lines keep their ends, whichever they are: https://docs.python.org/3/library/io.html#io.TextIOWrapper
        self._text = io.TextIOWrapper(file, encodings.checked(encoding), errors=_HANDLER, newline="")
        self._is_windows = codecs.lookup(encoding).name == encodings.WINDOWS
        self.encoding = encoding
        self.number = 0
        self.row: list[str] = []
        self.problem = ""
        self._length = 0

    def begin(self) -> None:
        self.row.clear()
        self.problem, self._length = "", 0

    def skip(self, number: int) -> None:
        """So many lines are of no interest."""
        for _ in zip(range(number), self, strict=False):
            self.begin()

    def __iter__(self) -> Iterator[str]:
        """This is gone through for each line of files that have millions: what is rare is looked at in no detail."""
        read, row, keep = self._text.readline, self.row, self.row.append
        while line := read(LONGEST):
            self.number = number = self.number + 1
            if number == 1:  # the mark of an encoding is no part of it, whichever way it is read
                line = line.removeprefix("\ufeff")
            keep(line)
            if len(row) > 1 or len(line) == LONGEST:
                self._refuse_length(line)
            if "\0" in line or not line.isascii():
                self.problem = self.problem or self._wrong(line)
            if line == "\x1a" and not read(1):  # the mark of DOS for the end of a file
                return
            yield line

    def _wrong(self, line: str) -> str:
        if "\0" in line:
            return f"line {self.number}, column {line.index(chr(0)) + 1}: a NUL character, which is no text"
        if NO_CHARACTER in line:
            what = f"bytes that are no {encodings.name_of(self.encoding)}"
            return f"line {self.number}, column {line.index(NO_CHARACTER) + 1}: {what}"
        if self._is_windows and _is_utf_8(line):
            place = next(place for place, letter in enumerate(line, 1) if letter > "\x7f")
            return f"line {self.number}, column {place}: written in UTF-8, unlike the rest of the file"
        return ""

    def _refuse_length(self, line: str) -> None:
        self._length += len(line)
        if self._length >= LONGEST:
            raise SourceError(
                f"line {self.number - len(self.row) + 1}: the row that begins here is longer than {LONGEST:,} "
                "characters. Perhaps a quotation mark is never closed, or the file has no line ends."
            )


def _is_utf_8(line: str) -> bool:
    """Whether a line that was read as Windows-1252 is UTF-8: its other letters would not come in such a sequence."""
    try:
        line.encode(encodings.WINDOWS).decode()
    except UnicodeError:
        return False
    return True
