"""Times in sentences, as the pages write all times: in the zone of whoever looks, with its name."""

from datetime import datetime

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import timezone
from django.utils.formats import date_format


def written(at: datetime) -> str:
    """A moment such as “3 Nov 2026, 14:05 CET”."""
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


def ago(at: datetime) -> str:
    """How long ago, for the middle of a sentence."""
    told = naturaltime(at)
    return "just now" if told == "now" else told
