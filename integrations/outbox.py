"""The queue that is also the record: add · claim · settle · give back what a dead worker held.

A delivery is written in the transaction of the fact it tells of. A worker claims due rows under a lease,
commits, talks to the provider, and settles each row only while the lease is still its own. Celery messages
are wake-ups: losing all of them costs one sweep. Leases and back-off go by the database's clock.
"""

import random
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection as database
from django.db import models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, When
from django.db.models.functions import Least, Now

from integrations import outcomes, pauses, waking
from integrations.models import Connection, Delivery
from integrations.outcomes import Outcome

State = Delivery.State

LEASE = timedelta(seconds=60)  # four times what one request may take
BATCH = 100
FRESH = timedelta(minutes=1)  # what has been due for longer than the widest window of a limit is a backlog
CRASHES_ALONE = 2  # from here on a delivery is claimed by itself, so that it takes no other down
CRASHES_FAILED = 5
MOST_WORKERS = 16  # at one connection at a time: as many as it takes at its limit when answers are slow
TOUCH = (
    f"UPDATE {Delivery._meta.db_table} SET occurred_at = %s "  # noqa: S608 (the name is ours)
    "WHERE connection_id = %s AND lane = %s AND state IN (%s, %s)"
)
BACKOFF = [timedelta(seconds=s) for s in (5, 30, 120, 600, 1800, 7200, 18000, 36000, 36000)]


@dataclass(frozen=True)
class Order:
    """What to deliver. `key` names the fact for good: the same key is never queued twice for a connection.

    With a `lane`, a delivery still waiting there stands for this one too (its content is made when it is
    sent), and those of one lane are never sent side by side.
    """

    kind: str
    key: str
    occurred_at: datetime
    source: str = ""
    subject: str = ""
    body: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    lane: str = ""
    due_at: datetime | None = None
    not_after: datetime | None = None
    outcome: Outcome | None = None  # settled before it was ever sent: a fact that cannot be told


def add(connection_id: int, orders: Iterable[Order]) -> None:
    """Queue orders for one connection, inside the caller's transaction. What is queued already is left as it is.

    Raises RuntimeError outside a transaction: the fact and its message must be written together.
    """
    if not database.in_atomic_block:
        raise RuntimeError("outbox.add needs a transaction: the fact and its deliveries are one.")
    fresh = [_row(connection_id, order) for order in orders if not (order.lane and _touch(connection_id, order))]
    Delivery.objects.bulk_create(fresh, ignore_conflicts=True)
    waking.on_commit(connection_id)


def claim(
    connection: Connection, limit: int = BATCH, rows: "models.QuerySet[Delivery] | None" = None, newest: int = 0
) -> list[Delivery]:
    """Lease due deliveries to the caller; counted as attempts now, so that a crash counts too.

    `rows` narrows what is due. The oldest go first; `newest` of a hundred are the newest instead.
    """
    lease, leased_at = uuid.uuid4(), time.monotonic()
    with transaction.atomic():
        wanted = (due(connection) if rows is None else rows).select_for_update(skip_locked=True, of=("self",))
        pks = _together(_ends(wanted, limit, limit * newest // 100))
        Delivery.objects.filter(pk__in=pks, state=State.QUEUED).update(
            state=State.SENDING, lease=lease, lease_until=Now() + LEASE, attempts_made=F("attempts_made") + 1
        )
    claimed = Delivery.objects.filter(pk__in=pks, lease=lease, state=State.SENDING) if pks else Delivery.objects.none()
    batch = list(claimed.order_by("pk"))
    for delivery in batch:
        delivery.leased_at = leased_at
    return batch


def extend(batch: Sequence[Delivery]) -> None:
    """Take the lease of a claimed batch anew."""
    leased_at = time.monotonic()
    _mine(batch).update(lease_until=Now() + LEASE)
    for delivery in batch:
        delivery.leased_at = leased_at


def keep(batch: Sequence[Delivery]) -> None:
    """Take the lease anew, if a third of it may be over: what is to come may take another third."""
    if time.monotonic() > min(delivery.leased_at for delivery in batch) + LEASE.total_seconds() / 3:
        extend(batch)


def are_ours(deliveries: Sequence[Delivery]) -> bool:
    """Whether all are still the caller's."""
    return _mine(deliveries).filter(lease_until__gt=Now()).count() == len(deliveries)


def give_back(deliveries: Sequence[Delivery], outcome: Outcome) -> None:
    """Queue again, as it was, what was claimed and not tried; the outcome says why."""
    _mine(deliveries).update(
        state=State.QUEUED, lease=None, lease_until=None, attempts_made=F("attempts_made") - 1,
        **outcomes.words(outcome),
    )  # fmt: skip


def settle_all(deliveries: Sequence[Delivery], outcome: Outcome) -> int:
    """Write one outcome for many at once, a Retry without a back-off of its own for now; how many were still ours."""
    values: dict[str, Any] = {"state": outcome.state, "settled_at": Now()}
    if isinstance(outcome, outcomes.Retry):
        values = {"state": State.QUEUED, "next_try_at": _in(outcome.after)}
        values |= {"attempts_made": F("attempts_made") - 1} if outcome.refund else {}
    elif outcome.state == State.HELD:
        values = {"state": State.HELD}
    return _mine(deliveries).update(lease=None, lease_until=None, crashes=0, **values, **outcomes.words(outcome))


def settle(delivery: Delivery, outcome: Outcome) -> bool:
    """Write an outcome, if the lease is still ours; False when another worker has taken the row since."""
    mine = Delivery.objects.filter(pk=delivery.pk, lease=delivery.lease, state=State.SENDING)
    values: dict[str, Any] = {
        "reason_code": outcome.code,
        "reason": outcome.sentence,
        "evidence": delivery.evidence,
        "warnings": delivery.warnings,
        "body": delivery.body,
        "subject": delivery.subject,
        "lease": None,
        "lease_until": None,
        "crashes": 0,
    }
    with transaction.atomic():
        return bool(mine.update(**values | _next(delivery, outcome)))


def release(connection: Connection) -> int:
    """Let what was held flow again; how many. What was ever tried stays known as such."""
    count = connection.deliveries.filter(state=State.HELD).update(
        state=State.QUEUED, next_try_at=Now(), attempts_made=Least("attempts_made", 1), reason_code="", reason=""
    )
    waking.on_commit(connection.pk)
    return count


@transaction.atomic
def hold(connection: Connection, code: str, sentence: str) -> int:
    """Keep everything that waits until a person has acted; how many. What is being written to is left to a sweep."""
    waiting = connection.deliveries.filter(state=State.QUEUED)
    return _free(waiting).update(state=State.HELD, reason_code=code, reason=sentence)


def retry(deliveries: "models.QuerySet[Delivery]") -> int:
    """Queue deliveries again, now, with the same body and the same id; how many.

    Settled and held ones begin anew, but stay known as tried; a message of our own does not, or it would not go again.
    What waits already keeps its history: a worker may have died on it.
    """
    tried = Case(When(kind="email", then=0), default=Least("attempts_made", 1), output_field=models.IntegerField())
    waiting = deliveries.filter(state=State.QUEUED).update(next_try_at=Now())
    again = deliveries.filter(state__in=(State.FAILED, State.SKIPPED, State.HELD))
    return waiting + again.update(
        state=State.QUEUED, next_try_at=Now(), attempts_made=tried, crashes=0, settled_at=None,
        reason_code="", reason="",
    )  # fmt: skip


def give_back_expired() -> int:
    """Queue again what dead workers held; a delivery that keeps killing its worker fails."""
    with transaction.atomic():
        expired = Delivery.objects.filter(state=State.SENDING, lease_until__lt=Now())
        pks = list(expired.select_for_update(skip_locked=True).values_list("pk", flat=True)[:10_000])
        rows = Delivery.objects.filter(pk__in=pks)
        free: dict[str, Any] = {"lease": None, "lease_until": None, "crashes": F("crashes") + 1}
        crashed = outcomes.Failed("crashed_worker", "The worker died each time it tried this.")
        rows.filter(crashes__gte=CRASHES_FAILED - 1).update(
            **free, state=State.FAILED, settled_at=Now(), reason_code=crashed.code, reason=crashed.sentence
        )
        rows.filter(state=State.SENDING).update(**free, state=State.QUEUED, next_try_at=Now())
    return len(pks)


def cancel(deliveries: "models.QuerySet[Delivery]", code: str, sentence: str) -> int:
    """Take back those of the deliveries that wait, because a person said so; how many."""
    waiting = deliveries.filter(state__in=(State.QUEUED, State.HELD))
    return waiting.update(state=State.CANCELLED, settled_at=Now(), reason_code=code, reason=sentence)


@transaction.atomic
def cancel_late() -> int:
    """Cancel what is past its `not_after`: a reminder that comes too late is worse than none."""
    late = Delivery.objects.filter(state__in=(State.QUEUED, State.HELD), not_after__lt=Now())
    return _free(late).update(
        state=State.CANCELLED, settled_at=Now(), reason_code="expired",
        reason="It could not be sent in time, and is of no use any more.",
    )  # fmt: skip


def connections_with_work() -> list[int]:
    """Connections that have something due which does not rest, the least recently served first."""
    rests = pauses.active().filter(Q(kind="") | Q(kind=OuterRef("kind")))
    rests = rests.filter(Q(connection=None) | Q(connection=OuterRef("connection")))
    waiting = Delivery.objects.filter(connection=OuterRef("pk"), state=State.QUEUED, next_try_at__lte=Now())
    waiting = waiting.exclude(~Q(lane="") & Exists(_ahead())).exclude(Exists(rests.filter(backlog_only=False)))
    waiting = waiting.exclude(Exists(rests), next_try_at__lte=Now() - FRESH)
    ready = Connection.objects.filter(Exists(waiting), state=Connection.State.CONNECTED)
    return list(ready.order_by(F("served_at").asc(nulls_first=True), "pk").values_list("pk", flat=True))


def is_well_served(connection_id: int) -> bool:
    """Whether as many workers as one connection may have are at it already."""
    leased = Delivery.objects.filter(
        connection=connection_id, state=State.SENDING, lease__isnull=False, lease_until__gt=Now()
    )
    return leased.values("lease").distinct().count() >= MOST_WORKERS


def hold_strays() -> int:
    """Hold what was queued while its connection was being lost."""
    queued = Delivery.objects.filter(connection=OuterRef("pk"), state=State.QUEUED)
    lost = Connection.objects.filter(Exists(queued)).exclude(state=Connection.State.CONNECTED)
    return sum(_hold_if_lost(connection_id) for connection_id in lost.values_list("pk", flat=True))


@transaction.atomic
def _hold_if_lost(connection_id: int) -> int:
    """Under the connection's lock, which a reconnect takes as well: nothing may be held that was just released."""
    rows = Connection.objects.select_for_update(no_key=True).exclude(state=Connection.State.CONNECTED)
    row = rows.filter(pk=connection_id).first()
    return hold(row, row.problem_code or row.state, row.problem or waiting_for(row)) if row else 0


def waiting_for(connection: Connection) -> str:
    """Why nothing flows through a connection that is not connected."""
    if connection.state == Connection.State.RECONNECT:
        return "The account must be connected again."
    return "The account is disconnected."


def _row(connection_id: int, order: Order) -> Delivery:
    row = Delivery(
        connection_id=connection_id, kind=order.kind, key=order.key, lane=order.lane, source=order.source,
        subject=order.subject, body=order.body, options=order.options, warnings=order.warnings,
        occurred_at=order.occurred_at, not_after=order.not_after,
    )  # fmt: skip
    row.next_try_at = order.due_at or Now()  # by the database's clock, which the claims go by
    if order.outcome:
        row.state, row.settled_at = order.outcome.state, order.occurred_at
        row.reason_code, row.reason = order.outcome.code, order.outcome.sentence
    return row


def _free(rows: "models.QuerySet[Delivery]") -> "models.QuerySet[Delivery]":
    """Those of the rows that no open transaction writes to: a host's long one must not stop the sweep."""
    return Delivery.objects.filter(pk__in=rows.select_for_update(skip_locked=True).values("pk"))


def _touch(connection_id: int, order: Order) -> bool:
    """Whether a delivery already waits in the lane. Writing to it keeps workers off until we commit.

    A host's transaction waits for this, and it takes half as long in SQL.
    """
    occurred_at = database.ops.adapt_datetimefield_value(order.occurred_at)
    with database.cursor() as cursor:
        cursor.execute(TOUCH, [occurred_at, connection_id, order.lane, State.QUEUED, State.HELD])
        return bool(cursor.rowcount)


def due(connection: Connection) -> "models.QuerySet[Delivery]":
    """What may be claimed now: its time has come, and nothing of its lane is ahead of it."""
    return (
        Delivery.objects.filter(connection=connection, state=State.QUEUED, next_try_at__lte=Now())
        .filter(connection__state=Connection.State.CONNECTED)
        .filter(Q(not_after=None) | Q(not_after__gt=Now()))
        .exclude(~Q(lane="") & Exists(_ahead()))
        .order_by("next_try_at", "pk")
    )


def _ahead() -> "models.QuerySet[Delivery]":
    """What is before a delivery in its lane, and not done with."""
    same = {"connection": OuterRef("connection"), "lane": OuterRef("lane")}
    return Delivery.objects.filter(**same, pk__lt=OuterRef("pk"), state__in=(State.QUEUED, State.SENDING))


def _mine(deliveries: Sequence[Delivery]) -> "models.QuerySet[Delivery]":
    """Those that are still leased to the caller."""
    leases = {delivery.lease for delivery in deliveries}
    return Delivery.objects.filter(pk__in=[d.pk for d in deliveries], lease__in=leases, state=State.SENDING)


def _ends(wanted: "models.QuerySet[Delivery]", limit: int, newest: int) -> list[tuple[int, int, str]]:
    """The oldest of them, and some of the newest."""
    rows = wanted.values_list("pk", "crashes", "lane")
    found = list(rows[: limit - newest])
    if newest and len(found) == limit - newest:
        found += set(rows.order_by("-next_try_at", "-pk")[:newest]) - set(found)
    return found


def _together(rows: Sequence[tuple[int, int, str]]) -> list[int]:
    """Rows that may share a batch: one per lane, and none that has taken workers down before."""
    lanes: set[str] = set()
    together: list[int] = []
    for pk, crashes, lane in rows:
        if crashes >= CRASHES_ALONE:
            return together or [pk]
        if not lane or lane not in lanes:
            together.append(pk)
            lanes.add(lane)
    return together


def _next(delivery: Delivery, outcome: Outcome) -> dict[str, Any]:
    """The columns that an outcome decides: the state, and when to try again."""
    if not isinstance(outcome, outcomes.Retry):
        held = outcome.state == State.HELD
        return {"state": outcome.state, "settled_at": None if held else Now()}
    if _superseded(delivery):
        return {"state": State.SKIPPED, "settled_at": Now(), **outcomes.words(outcomes.SUPERSEDED)}
    if outcome.refund:
        return {"state": State.QUEUED, "attempts_made": F("attempts_made") - 1, "next_try_at": _in(outcome.after)}
    if delivery.attempts_made > len(BACKOFF):
        return {
            "state": State.FAILED,
            "settled_at": Now(),
            "reason": f"{outcome.sentence} Given up after trying for long.",
        }
    wait = outcome.after or _jittered(BACKOFF[delivery.attempts_made - 1])
    return {"state": State.QUEUED, "next_try_at": _in(wait)}


def _superseded(delivery: Delivery) -> bool:
    """Whether a newer delivery of the same lane waits already; retrying the older could undo it."""
    newer = Delivery.objects.filter(connection=delivery.connection_id, lane=delivery.lane, pk__gt=delivery.pk)
    return bool(delivery.lane) and newer.filter(state__in=Delivery.OPEN).exists()


def _in(wait: timedelta | None) -> Any:
    return Now() + (wait or timedelta())


def _jittered(wait: timedelta) -> timedelta:
    return wait * random.uniform(0.8, 1.2)  # noqa: S311  (spreads load; no secret)
