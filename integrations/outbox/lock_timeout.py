"""Lock timeout: a lock of somebody else's, such as a host's long transaction, is waited for, but not for ever."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import OperationalError, transaction
from django.db import connection as database

from integrations.outcomes import SOON, Retry
from integrations.reasons import Who, declare

SECONDS = 3
BUSY_HERE = Retry(
    declare(
        "busy_here",
        "Busy here",
        "Something else at our side is writing about it; it goes on in a moment.",
        because="something else at our side is writing about it",
        means="Two things about the same person came together, and one waits for the other.",
        who=Who.ITSELF,
        do="Nothing to do, unless it lasts for hours.",
    ),
    SOON,
    refund=True,
)


class Busy(Exception):
    """Somebody else holds what is needed; nothing was changed."""


@contextmanager
def short() -> Iterator[None]:
    """A transaction that gives up with Busy when a lock takes longer than a few seconds (PostgreSQL)."""
    try:
        with transaction.atomic():
            if database.vendor == "postgresql":
                with database.cursor() as cursor:
                    # LOCAL: until the transaction ends. https://www.postgresql.org/docs/current/sql-set.html
                    cursor.execute(f"SET LOCAL lock_timeout = '{SECONDS}s'")
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) != LOCK_NOT_AVAILABLE:
            raise
        raise Busy from error


LOCK_NOT_AVAILABLE = "55P03"  # https://www.postgresql.org/docs/current/errcodes-appendix.html
