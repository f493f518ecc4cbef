"""Numbers: as JSON has them, with the digits that they were written with; never a guess of what a mark means."""

import math
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Literal

from klaviyo.api import values
from klaviyo.syncs.columns.cells import LARGEST_EXPONENT, Reader, Trouble, plain, shown

Decimals = Literal[".", ","] | None  # None: nobody has said
Number = int | float | str

LARGEST_FLOAT = 308

_USUAL = re.compile(r"[+-]?\d{1,11}(\.\d{1,4})?", re.ASCII).fullmatch  # fifteen digits are exact in a float
_GROUPED_ONCE = re.compile(r"[+-]?\d{1,3},\d{3}", re.ASCII).fullmatch
_WITH_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII).fullmatch
_BLANKS = " \u00a0\u202f\u2009'\u2019"


def reader(label: str, decimal: Decimals = None) -> Reader:
    """A number: a whole one, or a fraction; text where it has more digits than JSON's numbers keep."""
    has_point = decimal != ","

    def read(value: object, warnings: list[str]) -> Number:
        if type(value) is str:
            if found := _USUAL(value):
                if found.lastindex is None:
                    return int(value)
                if has_point:
                    return float(value) + 0.0  # which makes nought of minus nought
            return _told(_read(value, decimal), label, warnings)
        return of(value, label, warnings)

    return read


def of(value: object, label: str, warnings: list[str]) -> Number:
    """A number of Python's as JSON has it. Raises Trouble for what is none."""
    match value:
        case bool():
            raise Trouble(f"{plain(value)} is no number: choose the type yes_no for it")
        case int():
            return int(value) if abs(value) <= values.LARGEST_WHOLE else _as_text(value, label, warnings)
        case float() if math.isfinite(value):
            return float(value) + 0.0
        case Decimal() if value.is_finite():
            return _told(value, label, warnings)
        case float() | Decimal():
            raise Trouble(f"{'infinity' if 'inf' in str(value).lower() else 'NaN'} is no number")
    raise Trouble(f"{shown(value)} is no number")


def exact(text: str, decimal: Decimals) -> Decimal:
    """A number that somebody wrote. Raises Trouble for what is none, or could be two."""
    return _read(text, decimal)


def _told(number: Decimal, label: str, warnings: list[str]) -> Number:
    if number and number.adjusted() > LARGEST_FLOAT:
        raise Trouble("is too large for a number")
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and exponent >= 0:
        return of(int(number), label, warnings)
    made = float(number)
    if not math.isfinite(made):
        raise Trouble("is too large for a number")
    if abs(number) > values.LARGEST_WHOLE and number == number.to_integral_value():
        return _as_text(int(number), label, warnings)
    # A reader of JSON makes the same of all digits as is made here: https://www.rfc-editor.org/rfc/rfc8259#section-6
    if Decimal(repr(made)) != number:
        warnings.append(f"{label}: has more digits than a number keeps; the nearest number is told")
    return made + 0.0


def _as_text(number: int, label: str, warnings: list[str]) -> str:
    warnings.append(f"{label}: is beyond 2^53, where numbers lose digits; it is told as text")
    return plain(number)


def _read(written: str, decimal: Decimals) -> Decimal:
    text = written.strip()
    text = text[1:].strip() if text[:1] == "'" else text
    if decimal is None and _GROUPED_ONCE(text):
        raise Trouble(f"{shown(text)} can be read in two ways: choose the decimal point or the decimal comma for it")
    found = _form(decimal or ".")(text)
    if found is None:
        raise Trouble(_problem(text, decimal))
    sign, whole, fraction, exponent = found["sign"], found["whole"], found["fraction"], found["exponent"]
    digits = "".join(digit for digit in whole or "0" if digit.isdigit())
    if exponent and abs(int(exponent)) > LARGEST_EXPONENT:
        raise Trouble(f"{shown(text)} is too large, or too small, for a number")
    return Decimal(f"{sign}{digits}{'.' + fraction if fraction else ''}{'e' + exponent if exponent else ''}")


@cache
def _form(decimal: str) -> Callable[[str], re.Match[str] | None]:
    thousands = "," if decimal == "." else "."
    return re.compile(
        rf"(?P<sign>[+-]?)(?=[\d{decimal}])"
        rf"(?P<whole>\d{{1,3}}(?:(?P<mark>[{_BLANKS}{thousands}])\d{{3}})(?:(?P=mark)\d{{3}})*|\d{{1,400}})?"
        rf"(?:[{decimal}](?P<fraction>\d{{1,400}}))?(?:[eE](?P<exponent>[+-]?\d{{1,6}}))?",
        re.ASCII,
    ).fullmatch


def _problem(text: str, decimal: Decimals) -> str:
    said = shown(text)
    if any(unicodedata.category(character) == "Sc" for character in text):
        return f"{said} has a currency sign: a number is digits alone, so take the sign out in the source"
    if "%" in text:
        return f"{said} has a per cent sign: a number is digits alone, so take the sign out in the source"
    if decimal != "," and _form(",")(text) and _WITH_COMMA(text.replace(".", "")):
        return f"{said} is no number with a decimal point: choose the decimal comma for it"
    if decimal == "," and _form(".")(text):
        return f"{said} is no number with a decimal comma: choose the decimal point for it"
    return f"{said} is no number"
