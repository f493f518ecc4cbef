"""Due deliveries, which may be claimed now, and the connections that have some: looked for on places, some at a time.

Each look is bounded, and goes by an index whatever PostgreSQL's statistics say of a queue that was empty a minute ago.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import BooleanField, ExpressionWrapper, F, Min, OuterRef, Q, Subquery
from django.db.models.functions import Now

from integrations import pauses, providers
from integrations.models import Connection, Delivery, Pause, Place
from integrations.pauses import message_hold

State = Delivery.State

MOST_LOOKED_AT = 20_000  # of what cannot go yet, at a time
FRESH = timedelta(minutes=1)  # what has been due for longer than the widest window of a limit is a backlog

# LOCAL: until the transaction ends. https://www.postgresql.org/docs/current/runtime-config-query.html
BY_INDEX = "".join(
    f"SET LOCAL {setting} = off; "
    for setting in ("enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin", "jit")
)
Waits = Callable[[Connection, Sequence[int]], set[int]]  # which of these must wait for others
LINES = 7_300_000_000_000  # where the numbers of our advisory locks begin
NOW = {"postgresql": "STATEMENT_TIMESTAMP()", "sqlite": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')"}  # Django's Now()


@dataclass(frozen=True)
class Lot:
    """Deliveries of a kind that go in the same way: each by itself, or together with others."""

    kind: str
    is_alone: bool


@dataclass(frozen=True)
class Waiting:
    """How many are due of a lot, as far as they were counted; and whether some have been so for long."""

    number: int
    has_backlog: bool


@dataclass(frozen=True)
class Window:
    """What has become due within FRESH, what has been due for longer, or both."""

    fresh: bool = True
    backlog: bool = True

    @property
    def condition(self) -> str:
        now, limit = NOW[database.vendor], _fresh_since()
        if not self.fresh:
            return f"next_try_at <= {limit}"
        return f"next_try_at <= {now}" if self.backlog else f"next_try_at <= {now} AND next_try_at > {limit}"


EVER = Window()


def lots(connection: Connection, kinds: Iterable[str] | None = None) -> list[Lot]:
    """All lots of these kinds, or of all kinds of the connection's provider."""
    known = {kind.name: kind for kind in providers.get(connection.provider).kinds}
    named = [known[name] for name in kinds if name in known] if kinds is not None else list(known.values())
    return [Lot(kind.name, is_alone) for kind in named for is_alone in (True, False)]


def by_index() -> None:
    """In this transaction, whatever is asked goes by an index, however old the statistics are (PostgreSQL)."""
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute(BY_INDEX)


def stand_in_line(connection_id: int) -> None:
    """Of those who claim of one connection each waits for the one before, instead of looking at the same rows.

    Until the transaction ends: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
    """
    if database.vendor == "postgresql":
        with database.cursor() as cursor:
            cursor.execute(f"{BY_INDEX}SELECT pg_advisory_xact_lock({LINES + connection_id:d})")


def look(
    connection_id: int, wanted: Sequence[Lot], limit: int, window: Window = EVER, *, newest: bool = False
) -> list[tuple[int, str]]:
    """The first that are due of these lots, or the newest: id and lane of each. To be asked `by_index`."""
    order = "DESC" if newest else "ASC"
    by = f"ORDER BY next_try_at {order}, delivery_id {order} LIMIT {limit:d}"
    parts, values = _parts(connection_id, wanted, window, "delivery_id, lane, next_try_at", by)
    if not parts:
        return []
    with database.cursor() as cursor:
        cursor.execute(f"SELECT delivery_id, lane FROM ({' UNION ALL '.join(parts)}) AS due {by}", values)
        return list(cursor.fetchall())


def sizes(connection_id: int, wanted: Sequence[Lot], most: int) -> dict[Lot, Waiting]:
    """What is due of each lot, counted as far as `most`."""
    by = f"ORDER BY next_try_at, delivery_id LIMIT {most:d}"
    parts, values = _parts(connection_id, wanted, EVER, "next_try_at", by)
    if not parts:
        return {}
    counted = (
        f"SELECT {at:d} AS at, COUNT(*) AS number, MIN(next_try_at) <= {_fresh_since()} AS is_old FROM ({part}) AS lot"
        for at, part in enumerate(parts)
    )
    with database.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({' UNION ALL '.join(counted)}) AS lots WHERE number > 0", values)
        return {wanted[at]: Waiting(number, bool(is_old)) for at, number, is_old in cursor.fetchall()}


def behind_others(connection_id: int, looked: Iterable[tuple[int, str]]) -> set[int]:
    """Those, of ids with their lanes, that have an open delivery ahead in their lane (see `Delivery`)."""
    in_lanes = [(pk, lane) for pk, lane in looked if lane]
    if not in_lanes:
        return set()
    # The lanes by name, and no word that another index would do for, as old statistics know neither.
    rows = Place.objects.filter(connection=connection_id, lane__in={lane for _, lane in in_lanes}, settled_at=None)
    first = dict(rows.exclude(state=State.HELD).exclude(lane="").values_list("lane").annotate(Min("delivery")))
    return {pk for pk, lane in in_lanes if first.get(lane, pk) < pk}


def free(connection: Connection, looked: Sequence[tuple[int, str]], waits: Waits | None, lanes: set[str]) -> list[int]:
    """Those that can go now: one of each lane, none behind another, and none that waits for something else."""
    stay = behind_others(connection.pk, looked)
    ready = list[int]()
    for pk, lane in looked:
        if pk not in stay and not (lane and lane in lanes):
            ready.append(pk)
            lanes |= {lane} - {""}
    if waits and ready:
        stay |= waits(connection, ready)
    if ready and message_hold.is_on():
        stay |= set(Delivery.objects.filter(providers.messages(), pk__in=ready).values_list("pk", flat=True))
    return [pk for pk in ready if pk not in stay]


def suspects(connection: Connection, kinds: Collection[str]) -> list[Place]:
    """Places of what was in a dead worker's hands and can go now, those of one batch one after the other."""
    # No word that another index would do for: suspects are queued, and few.
    rows = Place.objects.filter(connection=connection, suspects__isnull=False).order_by("suspects", "delivery")
    is_due = ExpressionWrapper(Q(next_try_at__lte=Now()), output_field=BooleanField())
    looked = rows.annotate(is_due=is_due)[:MOST_LOOKED_AT]
    found = [one for one in looked if one.is_due and one.kind in kinds]
    ready = set(free(connection, [(one.pk, one.lane) for one in found], None, set())) if found else set()
    return [one for one in found if one.pk in ready]


def more(number: int) -> int:
    """How many to look at next, where none of the first could go."""
    return min(number * 4 + 100, MOST_LOOKED_AT)


def connections_with_work() -> list[int]:
    """Connections that have something that may be claimed and does not rest, the least recently served first."""
    # One look into the index for each: as EXISTS it may become a walk over the whole queue.
    first = Place.objects.filter(connection=OuterRef("pk"), state=State.QUEUED, next_try_at__lte=Now())
    ready = Connection.objects.filter(state=Connection.State.CONNECTED)
    ready = ready.annotate(first=Subquery(first.order_by("next_try_at").values("pk")[:1]))
    in_turn = [one for one in ready.order_by(F("served_at").asc(nulls_first=True), "pk") if one.first is not None]
    sure = _sure([int(one.first) for one in in_turn])
    rests: dict[int | None, list[Pause]] = defaultdict(list)
    for pause in pauses.active():
        rests[pause.connection_id].append(pause)
    return [
        one.pk
        for one in in_turn
        if (one.first in sure and not rests[None] + rests[one.pk]) or _has_work(one, rests[None] + rests[one.pk])
    ]


def _sure(pks: Sequence[int]) -> set[int]:
    """Those of which nothing more needs to be asked: in no lane, and no messages while these are held."""
    if message_hold.is_on():
        return set()
    known = {kind.name for slug in providers.slugs() for kind in providers.get(slug).kinds}
    return set(Place.objects.filter(delivery__in=pks, lane="", kind__in=known).values_list("delivery", flat=True))


@transaction.atomic
def _has_work(connection: Connection, rests: Sequence[Pause]) -> bool:
    """Whether something may be claimed that does not rest."""
    by_index()
    wholly = pauses.kinds(connection, {pause.kind for pause in rests if not pause.backlog_only})
    partly = {pause.kind for pause in rests if pause.backlog_only}
    if pauses.EVERYTHING in wholly:
        return False
    every = [lot for lot in lots(connection) if lot.kind not in wholly]
    late = [lot for lot in every if lot.kind in partly or pauses.EVERYTHING in partly]
    awake = [lot for lot in every if lot not in late]
    if _can_go(connection, awake, EVER) or _can_go(connection, late, Window(backlog=False)):
        return True
    return bool(suspects(connection, {lot.kind for lot in awake}))


def _can_go(connection: Connection, wanted: Sequence[Lot], window: Window) -> bool:
    most, seen = 20, 0
    while wanted:
        looked = look(connection.pk, wanted, most, window)
        if free(connection, looked[seen:], None, set()):
            return True
        if len(looked) < most or most >= MOST_LOOKED_AT:
            return False
        most, seen = more(most), len(looked)
    return False


def _parts(
    connection_id: int, wanted: Sequence[Lot], window: Window, columns: str, end: str
) -> tuple[list[str], list[Any]]:
    """A look into the index `due_places_of_a_lot` for each lot, and their values."""
    part = (
        f"SELECT * FROM (SELECT {columns} FROM {Place._meta.db_table} WHERE connection_id = %s AND kind = %s "
        f"AND is_alone = %s AND state = 'queued' AND suspects IS NULL AND {window.condition} {end}) AS one"
    )
    values = [value for lot in wanted for value in (connection_id, lot.kind, lot.is_alone)]
    return [part] * len(wanted), values


def _fresh_since() -> str:
    seconds = round(FRESH.total_seconds())
    if database.vendor == "postgresql":
        return f"STATEMENT_TIMESTAMP() - INTERVAL '{seconds} seconds'"
    return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '-{seconds} seconds')"
