"""Attempts: each request is on record before it is made, and one without `finished_at` has an unknown outcome."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from time import monotonic
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from integrations import prepared
from integrations.errors import IntegrationError
from integrations.models import Attempt, Connection, Delivery
from integrations.outcomes import CalledOff
from integrations.prepared import Given
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

TAKEN = Q(status__range=(200, 299), code="")
CODES_OF_WHAT_NEVER_LEFT = ("unreachable", "plain_http")
NEVER_LEFT = Q(code__in=CODES_OF_WHAT_NEVER_LEFT)
CODES_OF_NOBODY_KNOWS = ("http_408", "http_425")
REFUSED = Q(status__range=(400, 499)) & ~Q(code__in=CODES_OF_NOBODY_KNOWS)  # of all others nobody knows

HOW_IT_ENDED = ("status", "code", "request_id", "duration_ms", "finished_at")
_ENDED = prepared.Changing(lambda: Attempt.objects.filter(pk=Given("pk")), HOW_IT_ENDED)


@contextmanager
def on_record(
    connection: Connection, operation: str, deliveries: Sequence[Delivery] = (), *, run: UUID | None = None
) -> Iterator[Attempt]:
    """Write the attempt, let the request be made, write how it ended. Called off, there was none.

    An error that is raised then says whether the request may have been carried out. `run` is what somebody asked for.
    """
    with transaction.atomic() if deliveries else nullcontext():  # one row needs no transaction around it
        attempt = Attempt(connection=connection, operation=operation, started_at=timezone.now(), run=run)
        prepared.insert(attempt)
        if deliveries:
            _link(attempt, deliveries)
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
        _finish(attempt, started)
        raise
    _finish(attempt, started)


def may_have_happened(status: int | None, code: str) -> bool:
    """Whether a request that was not taken may have been carried out: the twin of NEVER_LEFT and REFUSED."""
    if status is None:
        return code not in CODES_OF_WHAT_NEVER_LEFT
    return not 400 <= status <= 499 or code in CODES_OF_NOBODY_KNOWS


def _link(attempt: Attempt, deliveries: Sequence[Delivery]) -> None:
    """A new attempt has no links yet: nothing needs to be looked for first, as `add` would."""
    link = Attempt.deliveries.through
    link._default_manager.bulk_create(link(attempt=attempt, delivery=delivery) for delivery in deliveries)


def _finish(attempt: Attempt, started: float) -> None:
    attempt.duration_ms = round((monotonic() - started) * 1000)
    attempt.finished_at = timezone.now()
    _ENDED.save(attempt)
