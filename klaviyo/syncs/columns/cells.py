"""Cells: a value of any source as text, and the trouble that a value can be."""

import json
import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from klaviyo.api import values

#: What reads a cell that is not empty: the value as JSON, or None where nothing is left of it. It may add warnings.
Reader = Callable[[object, list[str]], Any]

LONGEST_SHOWN = 40
SURELY_SHORT = values.LONGEST_STRING // 4  # characters, of which each has at most four bytes
LARGEST_EXPONENT = 400  # the largest that any float has is 308

# A spreadsheet marks text that looks like a number with an apostrophe; that of 't Hooft belongs to the name.
_MARKED = re.compile(r"'[-+(]*\d[\d\s+().,:/-]*")


class Trouble(Exception):
    """Why a row is refused: words that go on from the name of a column; `label` is of another one than is at hand."""

    def __init__(self, sentence: str, label: str = "") -> None:
        super().__init__(sentence)
        self.label = label


def plain(value: object) -> str:
    """A cell as text, with all digits of a number; empty for none. Raises Trouble for what is no text."""
    match value:
        case str():
            return unmarked(str(value))
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal():
            return _digits(value)
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            raise Trouble("holds bytes, which are no text: choose another column, or make text of it in the query")
        case list() | tuple() | dict():
            return _as_json(value)
    return str(value)


def unmarked(text: str) -> str:
    """Without the one apostrophe by which a spreadsheet marks digits as text."""
    return text[1:] if text[:1] == "'" and _MARKED.fullmatch(text) else text


def checked(text: str) -> str:
    """The text itself. Raises Trouble for what no database or JSON can carry, and for what Klaviyo does not take."""
    if "\0" in text:
        raise Trouble("a NUL character stands in it: take it out in the source")
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise Trouble("half of a character stands in it: correct it in the source") from None
    if len(text) > SURELY_SHORT and len(text.encode()) > values.LONGEST_STRING:
        raise Trouble(f"is longer than {values.LONGEST_STRING} bytes, the most that Klaviyo takes: shorten it")
    return text


def shown(value: object) -> str:
    """A value as a sentence may have it: short, on one line, and nobody's address."""
    said = " ".join(str(value).encode("utf-8", "replace").decode().split())
    said = "".join(character for character in said if character.isprintable())
    if "@" in said:
        return "the value"
    if not said:
        return "a blank"
    return said if len(said) <= LONGEST_SHOWN else f"{said[:LONGEST_SHOWN]}…"


def _digits(value: int | float | Decimal) -> str:
    try:
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if not number.is_finite():
            raise Trouble(f"{number} is no number")
        if abs(number.adjusted()) > LARGEST_EXPONENT:
            return str(number)
        # Other programs write a whole float without ".0": PostgreSQL's float 5 is "5".
        return format(number.to_integral() if isinstance(value, float) and number == int(number) else number, "f")
    except (ArithmeticError, ValueError):
        raise Trouble("is no number that has a text") from None


def _as_json(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=plain)
    except (ValueError, TypeError, RecursionError):
        raise Trouble("is no JSON that can be written as text") from None


def is_word(value: object, words: frozenset[str]) -> bool:
    """Whether a cell holds one of the words that were ticked, written just so; blanks around it are no part of it."""
    if type(value) is str:
        return value in words or value.strip() in words
    return isinstance(value, str | bool | int | float | Decimal) and _text_of(value) in words


def _text_of(value: object) -> str:
    try:
        return plain(value).strip()
    except Trouble:
        return str(value)  # NaN, which may be a word for empty
