"""Retirement of our revision of Klaviyo's API: the day that answers name, kept, and a system warning a year ahead.

Klaviyo serves a revision for two years (https://developers.klaviyo.com/en/docs/api_versioning_and_deprecation_policy).
Answers of an ageing one bear a header with its end; the form of its date is not published.
"""

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import TYPE_CHECKING, Any

from django.core import checks
from django.db import Error, connection, transaction
from django.utils import timezone

from integrations.models import Retirement
from klaviyo.api.operation import REVISION

if TYPE_CHECKING:
    import requests

HEADER = "X-Klaviyo-Api-Retirement-Date"
PROVIDER = "klaviyo"
AHEAD = timedelta(days=365)
YEARS = range(2024, 2200)  # of a day that can be meant
KEPT_SECONDS = 3600.0  # for so long the same day is not written again

log = logging.getLogger(__name__)

_noted: dict[date, float] = {}


def note(response: "requests.Response") -> None:
    """Keep the day that an answer names. A day that cannot be read, or written, stops nothing."""
    said = response.headers.get(HEADER, "").strip()
    if not said or (day := _day(said)) is None or _noted.get(day, 0.0) > monotonic():
        return
    try:
        with transaction.atomic():
            named = {"retires_on": day, "noted_at": timezone.now()}
            Retirement.objects.update_or_create(provider=PROVIDER, revision=REVISION, defaults=named)
    except Error as error:
        log.warning("The day on which Klaviyo ends a revision was not kept: %s", type(error).__name__)
        return
    _noted[day] = monotonic() + KEPT_SECONDS
    log.warning("Klaviyo ends revision %s of its API on %s: update the site before.", REVISION, day.isoformat())


def forget() -> None:
    """What this process has noted; for tests."""
    _noted.clear()


def ends_on() -> date | None:
    """The day on which our revision ends, as far as Klaviyo has named one."""
    told = Retirement.objects.filter(provider=PROVIDER, revision=REVISION)
    return told.values_list("retires_on", flat=True).first()


def is_near(**_kwargs: Any) -> list[checks.CheckMessage]:
    """The system check: a warning from a year before the end on."""
    if (day := _looked_up()) is None or (left := (day - timezone.now().date()).days) > AHEAD.days:
        return []
    when = "has ended on" if left <= 0 else "ends tomorrow," if left == 1 else f"ends in {left} days, on"
    sentence = f"Klaviyo's API in revision {REVISION}, which this site speaks, {when} {day.day} {day:%B %Y}."
    return [checks.Warning(sentence, hint="Update the site to a version with a newer revision.", id="klaviyo.W001")]


def _looked_up() -> date | None:
    """The day; None where the database cannot say. A connection that was opened for it is closed again.

    Checks run before servers fork their workers, and two processes must not share a connection.
    """
    was_open = connection.connection is not None
    try:
        with transaction.atomic():
            return ends_on()
    except Error:
        return None
    finally:
        if not was_open:
            connection.close()


def _day(said: str) -> date | None:
    """A day in ISO 8601, with or without a time, or as HTTP writes one."""
    readers: tuple[Callable[[str], date], ...] = (
        date.fromisoformat,
        lambda text: datetime.fromisoformat(text).date(),
        lambda text: parsedate_to_datetime(text).date(),
    )
    for read in readers:
        try:
            day = read(said[:64])
        except (ValueError, TypeError):
            continue
        return day if day.year in YEARS else None
    return None
