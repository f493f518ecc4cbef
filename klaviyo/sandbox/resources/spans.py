"""Spans of time that aggregates and reports ask about, in a time zone of their own."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from klaviyo.sandbox.state import identifiers

INTERVALS = ("day", "hour", "month", "week")
KEYS = (
    "last_12_months",
    "last_30_days",
    "last_365_days",
    "last_3_months",
    "last_7_days",
    "last_90_days",
    "last_month",
    "last_week",
    "last_year",
    "this_month",
    "this_week",
    "this_year",
    "today",
    "yesterday",
)
LONGEST = timedelta(days=366)
# https://developers.klaviyo.com/en/reference/query_metric_aggregates names these three.
_REFUSED = frozenset({"Factory", "Europe/Kyiv", "Pacific/Kanton"})

Span = tuple[datetime, datetime]


def zone(name: str) -> str | None:
    return None if name in available_timezones() - _REFUSED else "This is not a supported time zone."


def read(text: str, where: ZoneInfo) -> datetime:
    """A time in its zone, or where it names none in this one; ValueError when it is no time."""
    at = datetime.fromisoformat(text)
    identifiers.parsed(text)
    return (at if at.tzinfo else at.replace(tzinfo=where)).astimezone(where)


def floor(at: datetime, interval: str) -> datetime:
    """When the hour, day, week or month began in which that is; weeks begin on Mondays."""
    if interval == "hour":
        return at.replace(minute=0, second=0, microsecond=0)
    day = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if interval == "month" else day


def beginnings(span: Span, interval: str) -> Iterator[datetime]:
    at = floor(span[0], interval)
    while at < span[1]:
        yield at
        at = _next(at, interval)


def named(key: str, now: datetime) -> Span:
    """The span that a key of a report means at that moment, which has a zone."""
    today = floor(now, "day")
    tomorrow = today + timedelta(days=1)
    count, _, unit = key.removeprefix("last_").rpartition("_")
    if key == "today":
        return today, tomorrow
    if key == "yesterday":
        return today - timedelta(days=1), today
    if key in ("this_week", "this_month"):
        return floor(now, key[5:]), tomorrow
    if key == "this_year":
        return today.replace(month=1, day=1), tomorrow
    if key == "last_year":
        return today.replace(year=today.year - 1, month=1, day=1), today.replace(month=1, day=1)
    if unit == "days":
        return tomorrow - timedelta(days=int(count)), tomorrow
    ends = floor(now, "week" if unit == "week" else "month")
    begins = ends
    for _ in range(int(count or 1)):
        begins = floor(begins - timedelta(days=1), "week" if unit == "week" else "month")
    return begins, ends


def _next(at: datetime, interval: str) -> datetime:
    if interval == "hour":
        return (at.astimezone(ZoneInfo("UTC")) + timedelta(hours=1)).astimezone(at.tzinfo)
    if interval == "month":
        return floor(at + timedelta(days=31), "month")
    return at + timedelta(days=7 if interval == "week" else 1)
