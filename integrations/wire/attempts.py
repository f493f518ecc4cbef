"""Attempts: each request is on record before it is made, and one without `finished_at` has an unknown outcome."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations import lookups
from integrations.errors import IntegrationError
from integrations.models import Attempt, Connection, Delivery, Part
from integrations.outcomes import CalledOff
from integrations.reasons import Who, declare

INTERNAL_ERROR = declare(
    "internal_error",
    "Our mistake",
    "Something went wrong at our side.",
    because="something went wrong at our side",
    means="The error is in the site's log. It is tried again by itself for a while.",
    who=Who.RUNNER,
    do="If it stays, tell whoever runs this site.",
)

LastLook = Callable[[], None]  # right before a request is made; raises CalledOff
Write = Callable[[Attempt, Sequence[Delivery]], None]  # puts an attempt on record; raises CalledOff

TAKEN = Q(status__range=(200, 299), code="")
CODES_OF_WHAT_NEVER_LEFT = ("unreachable", "plain_http")
NEVER_LEFT = Q(code__in=CODES_OF_WHAT_NEVER_LEFT)
CODES_OF_NOBODY_KNOWS = ("http_408", "http_425")
REFUSED = Q(status__range=(400, 499)) & ~Q(code__in=CODES_OF_NOBODY_KNOWS)  # of all others nobody knows


# All of a statement's parts see the same rows: https://www.postgresql.org/docs/current/queries-with.html
_RECORD = f"""
    WITH attempt AS (
        INSERT INTO {Attempt._meta.db_table} (connection_id, operation, started_at, code, request_id, run)
        SELECT %s, %s, %s, '', '', %s::uuid WHERE {{condition}} RETURNING id
    ), parts AS (
        INSERT INTO {Part._meta.db_table} (attempt_id, delivery_id)
        SELECT attempt.id, about FROM attempt, unnest(%s::bigint[]) AS about
    )
    SELECT id FROM attempt
"""
_FINISH = f"""
    UPDATE {Attempt._meta.db_table} AS attempt
    SET finished_at = told.finished_at, status = told.status, code = told.code, request_id = told.request_id,
        duration_ms = told.duration_ms
    FROM jsonb_to_recordset(%s::jsonb) AS told(
        id bigint, finished_at timestamptz, status smallint, code text, request_id text, duration_ms integer
    )
    WHERE attempt.id = told.id AND attempt.id = ANY(%s::bigint[])
"""
_ENDS = ("status", "code", "request_id", "duration_ms", "finished_at")


@contextmanager
def on_record(
    connection: Connection,
    operation: str,
    deliveries: Sequence[Delivery] = (),
    *,
    run: UUID | None = None,
    write: Write | None = None,
    is_told_with_outcome: bool = False,
) -> Iterator[Attempt]:
    """Write the attempt, let the request be made, write how it ended. Called off, there was none.

    An error that is raised then says whether the request may have been carried out. `run` is what somebody asked for,
    and `write` another way to put it on record. How a request for one delivery went well may be told together with the
    delivery's outcome, a moment later: of what may be sent again, as nobody knows of it when the worker dies meanwhile.
    """
    attempt = Attempt(connection=connection, operation=operation, started_at=timezone.now(), run=run)
    (write or record)(attempt, deliveries)
    started = monotonic()
    try:
        yield attempt
    except CalledOff:
        attempt.delete()
        raise
    except Exception as error:
        attempt.code = INTERNAL_ERROR.code
        if isinstance(error, IntegrationError):
            attempt.code = error.code
            error.may_have_happened = may_have_happened(attempt.status, error.code)
        _end(attempt, started)
        finish([attempt])
        raise
    _end(attempt, started)
    if is_told_with_outcome:
        [delivery] = deliveries
        delivery.answered = attempt
    else:
        finish([attempt])


def record(
    attempt: Attempt, deliveries: Sequence[Delivery], condition: str = "true", values: Sequence[Any] = ()
) -> None:
    """Write an attempt with its links: on PostgreSQL in one statement, and under a condition, or it gets no id."""
    if database.vendor != "postgresql":
        with transaction.atomic():
            attempt.save(force_insert=True)
            Part.objects.bulk_create(Part(attempt=attempt, delivery=delivery) for delivery in deliveries)
        return
    said: list[Any] = [attempt.connection_id, attempt.operation, attempt.started_at, attempt.run]
    with database.cursor() as cursor:
        cursor.execute(
            _RECORD.format(condition=condition), [*said, *values, lookups.array(one.pk for one in deliveries)]
        )
        attempt.pk = next((pk for (pk,) in cursor.fetchall()), None)


def finish(answered: Sequence[Attempt]) -> None:
    """Write how requests ended."""
    if database.vendor != "postgresql":
        for attempt in answered:
            Attempt.objects.filter(pk=attempt.pk).update(**{name: getattr(attempt, name) for name in _ENDS})
        return
    statement, values = finishing(answered)
    with database.cursor() as cursor:
        cursor.execute(statement, values)


def finishing(answered: Sequence[Attempt]) -> tuple[str, list[Any]]:
    """The statement that writes how requests ended, and its values (PostgreSQL)."""
    told = [{"id": one.pk, **{name: getattr(one, name) for name in _ENDS}} for one in answered]
    return _FINISH, [json.dumps(told, default=str), lookups.array(one.pk for one in answered)]


def may_have_happened(status: int | None, code: str) -> bool:
    """Whether a request that was not taken may have been carried out: the twin of NEVER_LEFT and REFUSED."""
    if status is None:
        return code not in CODES_OF_WHAT_NEVER_LEFT
    return not 400 <= status <= 499 or code in CODES_OF_NOBODY_KNOWS


def _end(attempt: Attempt, started: float) -> None:
    attempt.duration_ms = round((monotonic() - started) * 1000)
    attempt.finished_at = timezone.now()
