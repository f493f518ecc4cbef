"""Settling: the outcome of a claimed delivery is written only while the lease is still the worker's own."""

import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from integrations import lookups, outcomes, providers
from integrations.models import Attempt, Delivery
from integrations.outbox.due import NOW
from integrations.outbox.leasing import leases_of, mine
from integrations.outcomes import Accepted, Outcome
from integrations.wire import attempts

State = Delivery.State

BACKOFF = [timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 7200, 18000, 36000, 36000)]


class NotStored(str):
    """A subject that a worker only has in hand: it is never written to the row."""

    __slots__ = ()


def settle(delivery: Delivery, outcome: Outcome) -> bool:
    """Write an outcome, if the lease is still ours; False when another worker has taken the row since."""
    if is_plain(delivery, outcome):
        return bool(settle_taken([delivery]))
    _finish([delivery])
    row = Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease, state=State.SENDING)
    values: dict[str, Any] = {
        "reason_code": outcome.code,
        "reason": outcome.sentence,
        "evidence": delivery.evidence,
        "warnings": delivery.warnings,
        "body": delivery.body,
        "options": delivery.options,
        "subject": "" if isinstance(delivery.subject, NotStored) else delivery.subject,
        "lease": None,
        "crashes": 0,
    }
    with transaction.atomic():
        return bool(row.update(**values | _next(delivery, outcome)))


def is_plain(delivery: Delivery, outcome: Outcome) -> bool:
    """Whether nothing but the state is to be written: it was taken as it was."""
    is_taken = isinstance(outcome, Accepted) and outcome.reason is None
    return is_taken and delivery.as_claimed == delivery.contents


def settle_taken(deliveries: Sequence[Delivery]) -> int:
    """Write that they were accepted, and how the requests ended that say so; how many were still ours."""
    if database.vendor != "postgresql":
        _finish(deliveries)
        return settle_all(deliveries, Accepted())
    answered = _answered(deliveries)
    finishing, told = attempts.finishing(answered) if answered else ("SELECT", [])
    values = [*told, lookups.array(one.pk for one in deliveries), lookups.array(leases_of(deliveries))]
    with database.cursor() as cursor:
        cursor.execute(_TAKEN.format(finishing=finishing), values)
        return int(cursor.rowcount)


# Both are carried out, whatever the one finds: https://www.postgresql.org/docs/current/queries-with.html#QUERIES-WITH-MODIFYING
_TAKEN = f"""
    WITH answered AS ({{finishing}})
    UPDATE {Delivery._meta.db_table}
    SET state = '{State.ACCEPTED}', settled_at = {NOW["postgresql"]}, reason_code = '', reason = '', lease = NULL,
        crashes = 0
    WHERE id = ANY(%s::bigint[]) AND lease = ANY(%s::uuid[]) AND state = '{State.SENDING}'
"""


def settle_all(deliveries: Sequence[Delivery], outcome: Outcome) -> int:
    """Write one outcome for many at once, a Retry without a back-off of its own for now; how many were still ours."""
    values: dict[str, Any] = {"state": outcome.state, "settled_at": Now()}
    if isinstance(outcome, outcomes.Retry):
        values = {"state": State.QUEUED, "next_try_at": _in(outcome.after)}
        values |= {"attempts_made": F("attempts_made") - 1} if outcome.refund else {}
        values |= {"shared_tries": 0} if outcome.alone else {}
    elif outcome.state == State.HELD:
        values = {"state": State.HELD}
    return mine(deliveries).update(lease=None, crashes=0, **values, **outcomes.words(outcome))


def give_back(deliveries: Sequence[Delivery], outcome: Outcome) -> None:
    """Queue again, as it was, what was claimed and not tried; the outcome says why."""
    mine(deliveries).update(
        state=State.QUEUED,
        lease=None,
        attempts_made=F("attempts_made") - 1,
        **outcomes.words(outcome),
    )


def _finish(deliveries: Sequence[Delivery]) -> None:
    if answered := _answered(deliveries):
        attempts.finish(answered)


def _answered(deliveries: Sequence[Delivery]) -> list[Attempt]:
    """The attempts that are yet to be written as answered; from now on they count as that."""
    answered = [delivery.answered for delivery in deliveries if delivery.answered]
    for delivery in deliveries:
        delivery.answered = None
    return answered


def _next(delivery: Delivery, outcome: Outcome) -> dict[str, Any]:
    """The columns that an outcome decides: the state, and when to try again."""
    if not isinstance(outcome, outcomes.Retry):
        held = outcome.state == State.HELD
        return {"state": outcome.state, "settled_at": None if held else Now()}
    if _superseded(delivery):
        return {"state": State.SKIPPED, "settled_at": Now(), **outcomes.words(outcomes.SUPERSEDED)}
    if outcome.refund:
        return {"state": State.QUEUED, "attempts_made": F("attempts_made") - 1, "next_try_at": _in(outcome.after)}
    is_given_up = delivery.attempts_made > len(BACKOFF)
    if is_given_up and delivery.kind not in providers.persons_acts():
        return {
            "state": State.FAILED,
            "settled_at": Now(),
            "reason": f"{outcome.sentence} Given up after trying for long.",
        }
    wait = outcome.after or _jittered(BACKOFF[min(delivery.attempts_made, len(BACKOFF)) - 1])
    return {"state": State.QUEUED, "next_try_at": _in(wait)}


def _superseded(delivery: Delivery) -> bool:
    """Whether a newer one of the lane is open (see `Delivery`); retrying the older could undo it."""
    newer = Delivery.objects.filter(connection=delivery.connection_id, lane=delivery.lane, pk__gt=delivery.pk)
    return bool(delivery.lane) and newer.filter(state__in=Delivery.OPEN).exists()


def _in(wait: timedelta | None) -> Any:
    return Now() + (wait or timedelta())


def _jittered(wait: timedelta) -> timedelta:
    return wait * random.uniform(0.8, 1.2)  # noqa: S311  (spreads load; no secret)
