"""Validation of a fact's time: aware, and near enough to now to be true."""

from datetime import UTC, datetime, timedelta

from django.db.models.functions import Now
from django.utils import timezone

from referrals.models import Store
from referrals.text import refused

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST_EXPIRY = datetime(2100, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=366)


def happened(value: datetime | None, field: str = "occurred_at") -> datetime:
    """When a fact happened: now when not given, else an aware time from 2000 to a year ahead of now."""
    now = timezone.now()
    return now if value is None else _between(value, now + AHEAD, field)


def of_the_database() -> datetime:
    """Now by the database's clock, which all hosts share."""
    # The time of the statement, also on PostgreSQL: https://docs.djangoproject.com/en/5.2/ref/models/database-functions/#now
    return next(iter(Store.objects.order_by().values_list(Now(), flat=True)[:1]), timezone.now())


def expires(value: datetime | None, field: str = "expires_at") -> datetime | None:
    """When something ends: never when not given, else an aware time from 2000 until 2100."""
    return None if value is None else _between(value, LATEST_EXPIRY, field)


def _between(value: object, latest: datetime, field: str) -> datetime:
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise refused(field, "is not a time with a time zone. Give an aware datetime.")
    if not EARLIEST <= value <= latest:
        raise refused(field, f"is far off. Give a time from {EARLIEST.year} to {latest.year}.")
    return value.astimezone(UTC)
