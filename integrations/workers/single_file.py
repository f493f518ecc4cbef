"""Single file: work that one process does for all, so that it costs the same however many workers there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models.functions import Now

from integrations.models import Turn

LONGEST = timedelta(seconds=15)  # then whoever had the turn counts as dead


@contextmanager
def turn(name: str) -> Iterator[bool]:
    """Whether it is our turn, as nobody else is at it; it lasts as long as the block."""
    # Of two the second finds the row not free: https://www.postgresql.org/docs/current/transaction-iso.html
    mine = Turn.objects.filter(name=name, until__lte=Now())
    if not mine.update(until=Now() + LONGEST):
        if Turn.objects.filter(name=name).exists():
            yield False
            return
        Turn.objects.bulk_create([Turn(name=name, until=Now() + LONGEST)], ignore_conflicts=True)
    try:
        yield True
    finally:
        Turn.objects.filter(name=name).update(until=Now())
