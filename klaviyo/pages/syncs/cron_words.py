"""Schedules in words: what a line of cron means, and some that people often want."""

from zoneinfo import available_timezones

from cronsim import CronSim, CronSimError
from django.utils import timezone

PRESETS = (
    ("0 * * * *", "Every hour"),
    ("0 6 * * *", "Every day at 06:00"),
    ("0 6 * * 1-5", "Monday to Friday at 06:00"),
    ("0 6 * * 1", "Every Monday at 06:00"),
    ("0 6 1 * *", "On the first of the month at 06:00"),
)


def words(cron: str) -> str:
    """As people say it: At 06:00 every day. Empty for what is none."""
    try:
        return CronSim(cron, timezone.now()).explain()
    except CronSimError:
        return ""


def is_zone(name: str) -> bool:
    return name in available_timezones()
