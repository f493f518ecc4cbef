"""Limits by tallies: counts what happens in a window of time, exactly, however many processes count at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.crypto import salted_hmac

from referrals.models import Tally

AT_ONCE = 1_000

# One statement, in which PostgreSQL and SQLite count one after the other:
# https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT and https://www.sqlite.org/lang_upsert.html
_COUNT = f"""
INSERT INTO {Tally._meta.db_table} AS known (key, number, ends_at) VALUES (%s, 1, %s)
ON CONFLICT (key) DO UPDATE SET
    number = CASE WHEN known.ends_at <= %s THEN 1 ELSE known.number + 1 END,
    ends_at = CASE WHEN known.ends_at <= %s THEN excluded.ends_at ELSE known.ends_at END
RETURNING number, ends_at
"""  # noqa: S608 (the name is ours)


@dataclass(frozen=True)
class Count:
    """The how-manieth it is in the window, and when the window ends."""

    key: str
    number: int
    ends_at: datetime


def count(subject: str, about: str, window: timedelta) -> Count:
    """Count one more; the window begins with the first. Of `about`, which may name somebody, only a hash is stored."""
    key, now = salted_hmac(f"referrals.tallies.{subject}", about, algorithm="sha256").hexdigest(), timezone.now()
    begins, ends = (connection.ops.adapt_datetimefield_value(moment) for moment in (now, now + window))
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [key, ends, begins, begins])
        number, ends_at = cursor.fetchone()
    read = Tally._meta.get_field("ends_at").to_python(ends_at)
    return Count(key, number, read if timezone.is_aware(read) else timezone.make_aware(read, connection.timezone))


def take_back(counts: Iterable[Count]) -> None:
    """Uncount what turned out not to count, where its window still runs."""
    for one in counts:
        Tally.objects.filter(key=one.key, ends_at=one.ends_at, number__gt=0).update(number=F("number") - 1)


def forget() -> int:
    """Delete those whose window is over, some at a time; how many."""
    total = 0
    while True:
        with transaction.atomic():
            over = Tally.objects.filter(ends_at__lte=timezone.now()).order_by("ends_at")
            keys = list(over.select_for_update(skip_locked=True).values_list("pk", flat=True)[:AT_ONCE])
            # asked again: SQLite locks no row, and whoever counts meanwhile may have begun a new window
            done, _ = over.filter(pk__in=keys).order_by().delete()
        total += done
        if not done:
            return total
