"""Dates and moments: ISO 8601 as it proves itself, other forms only where a person has chosen them."""

import re
from calendar import month_name, monthrange
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

from klaviyo.syncs.columns.cells import Reader, Trouble, plain, shown

FORMS = ("iso", "dd/mm/yyyy", "mm/dd/yyyy", "excel", "unix", "unix_ms")
INSTEAD = "choose the form in which it is written"

#: A day, or a time with or without a zone, of a text or a number.
Parse = Callable[[object], date | datetime]

# https://docs.python.org/3/library/datetime.html#datetime.datetime.fromisoformat, which takes any sign before the time
_ISO = re.compile(
    r"(?P<day>(?P<year>\d{4})(?:-(?P<m>\d\d)-(?P<d>\d\d)|(?P<month>\d\d)(?P<date>\d\d)|-?W\d\d(?:-?\d)?))"
    r"(?:[T ]\s*(?P<time>\d\d.*))?",
    re.ASCII,
)
_ISO_TIME = re.compile(
    r"(?P<clock>\d\d(?::?\d\d(?::?\d\d(?:[.,]\d+)?)?)?) ?(?P<zone>Z|UTC|GMT|[+-]\d\d(?::?\d\d(?::?\d\d)?)?)?", re.ASCII
)
_MIDNIGHT = re.compile(r"24(?::?00(?::?00(?:[.,]0+)?)?)?", re.ASCII)
_SLASHED = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[/.-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4})"
    r"(?:,?[T ]+(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second_of>\d\d)(?:[.,](?P<part>\d{1,6})\d*)?)?"
    r"(?: ?(?P<half>[ap])\.?m\.?)?)?",
    re.ASCII | re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:[.,]\d{1,15})?", re.ASCII)
_CUT = re.compile(r"\d(?:[.,]\d+)?e\+?\d+", re.ASCII | re.IGNORECASE)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_OF_SPREADSHEETS = datetime(1899, 12, 30)  # noqa: DTZ001
_WRONG_BELOW = 61  # they count a 29 February 1900: https://learn.microsoft.com/en-us/office/troubleshoot/excel/wrongly-assumes-1900-is-leap-year
_LAST_OF_SPREADSHEETS = 2_958_465  # 31 December 9999
_AS_SECONDS = 10**10  # beyond the year 2286; as milliseconds, April 1970
_SECONDS_NOW = 10**9  # since 2001


def moments(label: str, zone: ZoneInfo, form: str = "iso") -> Reader:
    """A moment as ISO 8601 in UTC."""
    parse = PARSERS[form]

    def read(value: object, warnings: list[str]) -> str:
        return told(_instant(parsed(value, parse), zone, label, warnings))

    return read


def days(label: str, zone: ZoneInfo, form: str = "iso", *, at_noon: bool = False) -> Reader:
    """A date that stays a date; of a moment it is the day in the zone. At noon, it is a moment as well.

    Klaviyo reads a date alone as midnight UTC, which in the Americas is the day before.
    """
    parse, is_plain = PARSERS[form], form == "iso" and not at_noon

    def read(value: object, warnings: list[str]) -> str:
        if is_plain and type(value) is str and len(value) == 10 and value[4] == value[7] == "-":
            try:
                return date.fromisoformat(value).isoformat()
            except ValueError:
                pass
        day = _day(parsed(value, parse), zone)
        if not at_noon:
            return day.isoformat()
        return told(_instant(datetime.combine(day, time(12)), zone, label, warnings))

    return read


def instants(label: str, zone: ZoneInfo, form: str = "iso") -> Callable[[object, list[str]], datetime]:
    """A moment as Python has it, in UTC."""
    parse = PARSERS[form]

    def read(value: object, warnings: list[str]) -> datetime:
        return _instant(parsed(value, parse), zone, label, warnings)

    return read


def told(moment: datetime) -> str:
    """A moment of UTC as it is told: 2026-03-29T00:30:00Z."""
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


def parsed(value: object, parse: Parse) -> date | datetime:
    """A day or a time of a cell; Python's own are what they are. Raises Trouble."""
    if isinstance(value, date):
        return value
    if isinstance(value, bool):
        raise Trouble(f"{plain(value)} is no date")
    try:
        return parse(value)
    except (ValueError, OverflowError, ArithmeticError):
        raise Trouble(f"{shown(value)} is no date that there is") from None


def _instant(moment: date | datetime, zone: ZoneInfo, label: str, warnings: list[str]) -> datetime:
    """A time without a zone is one of the sync's; a day begins with its first moment."""
    try:
        if not isinstance(moment, datetime):
            return datetime(moment.year, moment.month, moment.day, tzinfo=zone).astimezone(UTC)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        first = moment.replace(tzinfo=zone, fold=0)
        before, after = first.utcoffset(), first.replace(fold=1).utcoffset()
        # Of an hour that is skipped, the offset of the first reading is the smaller: https://peps.python.org/pep-0495/
        if before != after and before is not None and after is not None:
            if before < after:
                raise Trouble(f"this hour does not exist in {zone.key}: the clocks go forward over it, so give a zone")
            warnings.append(f"{label}: this hour came twice in {zone.key}; the first is taken")
        return first.astimezone(UTC)
    except OverflowError:
        raise Trouble("lies before the first year, or after the last, that there is") from None


def _day(moment: date | datetime, zone: ZoneInfo) -> date:
    if not isinstance(moment, datetime):
        return moment
    try:
        return (moment if moment.tzinfo is None else moment.astimezone(zone)).date()
    except OverflowError:
        raise Trouble("lies before the first year, or after the last, that there is") from None


def _iso(value: object) -> date | datetime:
    if type(value) is not str:
        if isinstance(value, int | float | Decimal):
            raise Trouble(f"{shown(value)} is a number and no date: {INSTEAD} (excel, unix or unix_ms)")
        value = plain(value)
    if value[4:5] == value[7:8] == "-" and (len(value) == 10 or value[10:11] in ("T", " ")):
        try:
            return date.fromisoformat(value) if len(value) == 10 else datetime.fromisoformat(value)
        except ValueError:
            pass
    return _iso_of_any_form(_unquoted(value).upper())


def _iso_of_any_form(text: str) -> date | datetime:
    found = _ISO.fullmatch(text)
    if found is None:
        raise Trouble(f"{shown(text)} is not written like 2026-03-29: {INSTEAD}")
    if month := found["m"] or found["month"]:
        check(int(found["year"]), int(month), int(found["d"] or found["date"]))
    day = date.fromisoformat(found["day"])
    if not found["time"]:
        return day
    clock = _ISO_TIME.fullmatch(found["time"].rstrip())
    if clock is None:
        raise Trouble(f"{shown(text)} has no time that ISO 8601 knows: write it like 2026-03-29T14:30:00+02:00")
    zone = "+00:00" if clock["zone"] in ("Z", "UTC", "GMT") else clock["zone"] or ""
    if _MIDNIGHT.fullmatch(clock["clock"]):
        return datetime.fromisoformat(f"{day}T00:00:00{zone}") + timedelta(days=1)
    try:
        return datetime.fromisoformat(f"{day}T{clock['clock']}{zone}")
    except ValueError:
        raise Trouble(f"{shown(text)} has a time of day that there is not") from None


def check(year: int, month: int, day: int) -> None:
    """Raises Trouble for a day that no calendar has."""
    if not 1 <= month <= 12:
        raise Trouble(f"there is no month {month}")
    if year < 1:
        raise Trouble("there is no year 0")
    if not 1 <= day <= monthrange(year, month)[1]:
        raise Trouble(f"there is no {day} {month_name[month]}{f' in {year}' if (day, month) == (29, 2) else ''}")


def _slashed(is_day_first: bool) -> Parse:
    written, other = ("dd/mm/yyyy", "mm/dd/yyyy") if is_day_first else ("mm/dd/yyyy", "dd/mm/yyyy")

    def parse(value: object) -> date | datetime:
        text = _unquoted(plain(value))
        found = _SLASHED.fullmatch(text)
        if found is None:
            raise Trouble(f"{shown(text)} is not written like {written}: {INSTEAD}")
        first, second, year = int(found["first"]), int(found["second"]), int(found["year"])
        day, month = (first, second) if is_day_first else (second, first)
        if month > 12 >= day:
            raise Trouble(f"there is no month {month}: {shown(text)} may be written as {other}")
        check(year, month, day)
        if found["hour"] is None:
            return date(year, month, day)
        return datetime(year, month, day) + _since_midnight(found, shown(text))  # noqa: DTZ001

    return parse


def _since_midnight(found: re.Match[str], said: str) -> timedelta:
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second_of"] or 0)
    if half := found["half"]:
        if not 1 <= hour <= 12:
            raise Trouble(f"{said} has a time of day that there is not")
        hour = hour % 12 + (12 if half in "pP" else 0)
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second)):
        raise Trouble(f"{said} has a time of day that there is not")
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=int((found["part"] or "0").ljust(6, "0")))


def _excel(value: object) -> date | datetime:
    serial = _number(value)
    if not _WRONG_BELOW <= serial < _LAST_OF_SPREADSHEETS + 1:
        raise Trouble(f"{shown(value)} is no day of a spreadsheet since March 1900")
    whole = int(serial)
    milliseconds = ((serial - whole) * 86_400_000).to_integral_value(ROUND_HALF_EVEN)
    moment = _FIRST_OF_SPREADSHEETS + timedelta(days=whole, milliseconds=int(milliseconds))
    return moment if serial != whole else moment.date()


def _unix(value: object) -> datetime:
    seconds = _number(value)
    if abs(seconds) >= _AS_SECONDS:
        raise Trouble(f"{shown(value)} is too much for seconds since 1970: is it milliseconds (unix_ms)?")
    return _EPOCH + timedelta(microseconds=int(seconds * 1_000_000))


def _unix_ms(value: object) -> datetime:
    milliseconds = _number(value)
    if _SECONDS_NOW <= abs(milliseconds) < _AS_SECONDS:
        raise Trouble(f"{shown(value)} is too little for milliseconds since 1970: is it seconds (unix)?")
    return _EPOCH + timedelta(microseconds=int(milliseconds * 1_000))


def _number(value: object) -> Decimal:
    text = _unquoted(plain(value))
    if _CUT.search(text):
        raise Trouble(f"{shown(text)} has lost digits in a spreadsheet: export the column as a whole number")
    if not _NUMBER.fullmatch(text):
        raise Trouble(f"{shown(text)} is no number, as the form that was chosen needs: {INSTEAD}")
    return Decimal(text.replace(",", "."))


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:].strip() if text[:1] == "'" else text


PARSERS: Mapping[str, Parse] = {
    "iso": _iso,
    "dd/mm/yyyy": _slashed(True),
    "mm/dd/yyyy": _slashed(False),
    "excel": _excel,
    "unix": _unix,
    "unix_ms": _unix_ms,
}
