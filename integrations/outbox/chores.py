"""Chores: many waiting deliveries are let go, or taken back, some at a time: the first at once, the rest by the sweep.

Each portion is a transaction of its own, under the connection's lock: whoever dies, the next sweep goes on.
"""

import time
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Least, Now

from integrations import providers, shutdown
from integrations.models import Chore, Connection, Delivery, Place
from integrations.outbox import wake_ups
from integrations.reasons import Reason

State = Delivery.State

AT_ONCE = 500
STATES: dict[str, tuple[str, ...]] = {
    Chore.Verb.CANCEL: (State.QUEUED, State.HELD),
    Chore.Verb.RELEASE: (State.HELD,),
}
SECONDS = 1.0  # of one sweep


@transaction.atomic
def begin(connection: Connection, verb: Chore.Verb, reason: Reason | None = None) -> int:
    """Do a first portion now and leave the rest to the sweep; how many were done. Begun again, it begins anew."""
    upto = rows(connection.pk, verb).order_by("-delivery").values_list("delivery", flat=True).first()
    if upto is None:
        return 0
    words = {"reason_code": reason.code, "reason": reason.sentence} if reason else {}
    anew = {"upto": upto, "own_acts_done": verb == Chore.Verb.CANCEL, "reached": 0, **words}
    chore, _ = Chore.objects.update_or_create(connection=connection, verb=verb, defaults=anew)
    waits = verb == Chore.Verb.RELEASE and is_taking_back(connection.pk)
    return 0 if waits else _portion(chore)


def go_on() -> int:
    """The next portions of every chore, for a bounded time; how many deliveries were done."""
    ends_at, total = time.monotonic() + SECONDS, 0
    left = list(Chore.objects.order_by("began_at").values_list("pk", flat=True))
    while left and time.monotonic() < ends_at and not shutdown.asked():
        for pk in list(left):
            done = _next_portion(pk)
            total += done
            if not done:
                left.remove(pk)
    return total


def is_taking_back(connection_id: int) -> bool:
    """Whether an operator has taken back what may still be queued: until that is done nothing is sent."""
    return Chore.objects.filter(connection=connection_id, verb=Chore.Verb.CANCEL).exists()


def is_releasing(connection: Connection) -> bool:
    return connection.is_connected and connection.chores.filter(verb=Chore.Verb.RELEASE).exists()


@transaction.atomic
def _next_portion(pk: int) -> int:
    """Under the connection's lock, which whoever connects it or notes its loss takes as well."""
    mine = Chore.objects.filter(pk=pk).values("connection")
    held = Connection.objects.select_for_update(no_key=True, skip_locked=True).filter(pk__in=mine).first()
    chore = Chore.objects.filter(pk=pk).first() if held else None
    if held is None or chore is None:
        return 0
    if chore.verb == Chore.Verb.RELEASE and (not held.is_connected or is_taking_back(held.pk)):
        return 0  # what is lost again stays held; and what was taken back is not let go
    return _portion(chore)


def _portion(chore: Chore) -> int:
    ahead = rows(chore.connection_id, chore.verb).filter(delivery__gt=chore.reached, delivery__lte=chore.upto)
    if not chore.own_acts_done:
        ahead = ahead.filter(kind__in=providers.persons_acts())
    found = list(ahead.order_by("delivery").values_list("delivery", flat=True)[:AT_ONCE])
    # SKIP LOCKED: rows that a host's long transaction holds are passed by, and looked at again.
    # https://www.postgresql.org/docs/current/sql-select.html#SQL-FOR-UPDATE-SHARE
    still = Delivery.objects.filter(pk__in=found, state__in=STATES[chore.verb])
    free = set(still.select_for_update(skip_locked=True).values_list("pk", flat=True))
    done = _do(chore, Delivery.objects.filter(pk__in=free))
    is_last = len(found) < AT_ONCE
    if not chore.own_acts_done:  # those that are passed by come again among all others
        chore.own_acts_done, chore.reached = is_last, 0 if is_last else found[-1]
        if is_last:
            return done + _portion(chore)
    elif passed_by := [pk for pk in found if pk not in free]:
        chore.reached = passed_by[0] - 1
    elif is_last:
        chore.delete()
        return done
    else:
        chore.reached = found[-1]
    chore.save(update_fields=["own_acts_done", "reached"])
    return done


def rows(connection_id: int, verb: str) -> QuerySet[Place]:
    """What such a chore is about. What a person has asked for may be delayed by an operator, but not taken back."""
    mine = Place.objects.filter(connection=connection_id, state__in=STATES[verb])
    return mine.exclude(kind__in=providers.persons_acts()) if verb == Chore.Verb.CANCEL else mine


def _do(chore: Chore, rows: QuerySet[Delivery]) -> int:
    if chore.verb == Chore.Verb.CANCEL:
        words = {"reason_code": chore.reason_code, "reason": chore.reason}
        return rows.update(state=State.CANCELLED, settled_at=Now(), **words)
    count = rows.update(**_LET_GO)
    wake_ups.on_commit(chore.connection_id)
    return count


_LET_GO: dict[str, Any] = {
    "state": State.QUEUED,
    "next_try_at": Now(),
    "attempts_made": Least("attempts_made", 1),
    "reason_code": "",
    "reason": "",
}
