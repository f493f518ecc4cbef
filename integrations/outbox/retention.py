"""Retention: people are taken out of what was settled long ago, and records that nobody reads any more are deleted.

In short transactions, beginning where the oldest is and for a bounded time: the next run goes on where this one ended,
as what is done is not found again. Of a delivery stay its key, its fact's id, its state and its reason: so no fact is
told twice, and what was told can still be compared with the account. Decisions about consent stay as long as the
message that they are about, as the proof that it was rightly sent.
"""

import re
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, Func, JSONField, Max, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Now
from django.utils import timezone

from integrations import providers, shutdown
from integrations.models import (
    Attempt,
    Authorization,
    Connection,
    Delivery,
    HealthCheck,
    Job,
    KeptAnswer,
    Part,
    Place,
    RefusedCall,
)

AT_ONCE = 1_000
ATTEMPTS_AT_ONCE = 100  # one may be about thousands of deliveries
SECONDS = 20.0  # of each kind in one run
SETTLED = [state for state in Delivery.State if state not in Delivery.OPEN]
LEFT_OVER = timedelta(days=1)  # what a trip to a consent screen leaves behind

REFUSED = "In which words it was refused is no longer kept."
_QUOTED = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+|\+\d[\d ()-]{5,}\d")  # addresses and phone numbers


def forget() -> dict[str, int]:
    """One run; how many of each were changed or deleted."""
    steps: dict[str, Callable[[], int]] = {
        "deliveries": _forget_deliveries,
        "attempts": _drop_attempts,
        "jobs": _drop_jobs,
        "health checks": _drop_checks,
        "authorizations": _drop_authorizations,
        "kept answers": _drop_answers,
        "refused calls": _drop_refused_calls,
    }
    return {name: _until_done(step) for name, step in steps.items()}


def without_people(words: str) -> str:
    """The words without the addresses and phone numbers in them."""
    return _QUOTED.sub("…", words)


def is_forgotten(delivery: Delivery) -> bool:
    """Whether retention has taken out its content: then it cannot be sent any more."""
    if _is_kept(delivery):
        return False
    is_old = delivery.settled_at and delivery.settled_at < timezone.now() - timedelta(days=settings.RETAIN_BODIES_DAYS)
    return bool(is_old and not delivery.subject)


def sendable(deliveries: "QuerySet[Delivery]") -> "QuerySet[Delivery]":
    """Deliveries that still hold their content and their person."""
    kept = Q(kind__in=providers.naming_nobody(), state=Delivery.State.FAILED)
    return deliveries.exclude(~kept, subject="", settled_at__isnull=False)


def _is_kept(delivery: Delivery) -> bool:
    """Whether it failed, and finds its person by its source."""
    return delivery.state == Delivery.State.FAILED and delivery.kind in providers.naming_nobody()


def to_forget(connection_id: int, state: str) -> "QuerySet[Delivery]":
    """Deliveries settled long ago that still name a person; oldest first, by the index `places_as_they_ended`."""
    old = Delivery.objects.filter(
        place__connection=connection_id,
        place__state=state,
        place__is_named=True,
        place__settled_at__isnull=False,
        place__settled_at__lt=_kept_until(),
    )
    return old.exclude(subject="").exclude(state__in=Delivery.OPEN).order_by("place__settled_at")


def _kept_until() -> Any:
    return Now() - timedelta(days=settings.RETAIN_BODIES_DAYS)


def _until_done(step: Callable[[], int]) -> int:
    ends_at, total = time.monotonic() + SECONDS, 0
    while (done := step()) and time.monotonic() < ends_at and not shutdown.asked():
        total += done
    return total + done


def _forget_deliveries() -> int:
    """Some of one connection that ended alike, where the oldest is."""
    found = []
    for state in SETTLED:
        old = Place.objects.filter(state=state, is_named=True, settled_at__isnull=False, settled_at__lt=_kept_until())
        first = old.filter(connection=OuterRef("pk")).order_by("settled_at").values("settled_at")[:1]
        some = Connection.objects.annotate(oldest=Subquery(first)).filter(oldest__isnull=False)
        found += [(at, pk, state) for pk, at in some.values_list("pk", "oldest")]
    return next((done for _, pk, state in sorted(found) if (done := _forget_some(pk, state))), 0)


@transaction.atomic
def _forget_some(connection_id: int, state: str) -> int:
    found = to_forget(connection_id, state).select_for_update(skip_locked=True, of=("self",))
    rows = list(found.only("pk", "kind", "key", "subject", "state", "reason")[:AT_ONCE])
    _reword(rows)
    Delivery.objects.filter(pk__in=[row.pk for row in rows]).update(
        subject="", body={}, evidence=None, warnings=[], options=_WithoutPerson("options", output_field=JSONField())
    )
    return len(rows)


def _reword(rows: Sequence[Delivery]) -> None:
    """Where the key is made of the person's address, and where the reason may quote what was refused."""
    reworded = []
    for row in rows:
        key = f"{row.kind}:forgotten:{row.pk}" if row.subject.lower() in row.key.lower() else row.key
        reason = REFUSED if row.state == Delivery.State.FAILED else without_people(row.reason)
        if (key, reason) != (row.key, row.reason):
            row.key, row.reason = key, reason
            reworded.append(row)
    Delivery.objects.bulk_update(reworded, ["key", "reason"], batch_size=AT_ONCE // 2)


def _drop_attempts() -> int:
    """Attempts, by connection as their index is. Those of open deliveries stay: what was tried may still be asked."""
    limit = Now() - timedelta(days=settings.RETAIN_ATTEMPTS_DAYS)
    needed = Delivery.objects.filter(attempts=OuterRef("pk"), state__in=Delivery.OPEN)
    old = Attempt.objects.filter(started_at__lt=limit).order_by("started_at")
    for connection_id in _connections_with(old):
        mine = old.filter(~Exists(needed), connection=connection_id)
        if pks := list(mine.values_list("pk", flat=True)[:ATTEMPTS_AT_ONCE]):
            about = Part.objects.filter(attempt__in=pks)
            while some := list(about.values_list("delivery", flat=True)[:AT_ONCE]):
                about.filter(delivery__in=some).delete()
            Attempt.objects.filter(pk__in=pks).delete()
            return len(pks)
    return 0


@transaction.atomic
def _drop_jobs() -> int:
    """Jobs that have ended; their deliveries keep what they were about."""
    old = Job.objects.filter(ended_at__lt=Now() - timedelta(days=settings.RETAIN_ATTEMPTS_DAYS)).order_by("ended_at")
    pks = list(old.exclude(state=Job.State.RUNNING).values_list("pk", flat=True)[:ATTEMPTS_AT_ONCE])
    Delivery.objects.filter(job__in=pks).update(job=None)
    return Job.objects.filter(pk__in=pks).delete()[0]


def _drop_checks() -> int:
    """Health checks, but for the last one of each connection."""
    limit = Now() - timedelta(days=settings.RETAIN_ATTEMPTS_DAYS)
    old = HealthCheck.objects.filter(checked_at__lt=limit).order_by("checked_at")
    for connection_id in _connections_with(old):
        last = HealthCheck.objects.filter(connection=connection_id).aggregate(last=Max("pk"))["last"]
        mine = old.filter(connection=connection_id).exclude(pk=last)
        if pks := list(mine.values_list("pk", flat=True)[:AT_ONCE]):
            return HealthCheck.objects.filter(pk__in=pks).delete()[0]
    return 0


def _drop_authorizations() -> int:
    old = Authorization.objects.filter(expires_at__lt=Now() - LEFT_OVER)
    return Authorization.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()[0]


def _drop_answers() -> int:
    old = KeptAnswer.objects.filter(expires_at__lt=Now())
    return KeptAnswer.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()[0]


def _drop_refused_calls() -> int:
    old = RefusedCall.objects.filter(at__lt=Now() - timedelta(days=settings.RETAIN_ATTEMPTS_DAYS))
    return RefusedCall.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:AT_ONCE])).delete()[0]


def _connections_with(rows: "QuerySet[Any]") -> list[int]:
    """Connections that have such rows, by the oldest row of each, which an index finds at once."""
    oldest = Subquery(rows.filter(connection=OuterRef("pk")).values("pk")[:1])
    some = Connection.objects.annotate(oldest=oldest).filter(oldest__isnull=False)
    return list(some.order_by("pk").values_list("pk", flat=True))


class _WithoutPerson(Func):
    """The options without what they say of the person."""

    template = "(%(expressions)s - 'person'::text)"  # https://www.postgresql.org/docs/current/functions-json.html

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        # https://www.sqlite.org/json1.html#jrm
        return self.as_sql(compiler, connection, template="JSON_REMOVE(%(expressions)s, '$.person')", **more)
