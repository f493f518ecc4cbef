"""Schedules in words: what a line of cron means, and when it is next due."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

WRONG = "This is no schedule: five parts such as 0 6 * * * (minute, hour, day, month, weekday)."
NEVER = "There is never such a day."
PRESETS = (
    ("0 * * * *", "Every hour"),
    ("0 6 * * *", "Every day at 06:00"),
    ("0 6 * * 1-5", "Monday to Friday at 06:00"),
    ("0 6 * * 1", "Every Monday at 06:00"),
    ("0 6 1 * *", "On the first of the month at 06:00"),
)


def problem(cron: str) -> str:
    """Why it is no schedule; empty when it is one."""
    if len(cron.split()) != 5:
        return WRONG
    try:
        next(CronSim(cron, datetime.now(UTC)))
    except CronSimError:
        return WRONG
    except StopIteration:
        return NEVER
    return ""


def words(cron: str) -> str:
    """As people say it: At 06:00 every day. Empty for what is none."""
    try:
        return CronSim(cron, datetime.now(UTC)).explain()
    except CronSimError:
        return ""


def next_after(cron: str, zone: str, now: datetime) -> datetime | None:
    """When it is next due, by the clock of the zone. None for what is never due."""
    try:
        return next(CronSim(cron, now.astimezone(ZoneInfo(zone or "UTC")))).astimezone(UTC)
    except (CronSimError, StopIteration):
        return None


def is_zone(name: str) -> bool:
    return name in available_timezones()
