"""Comparing: what was staged with what was told before, in one transaction, into numbered work.

The statements are the same on PostgreSQL and SQLite. Joins are outer joins where a subquery would do as well: only of
these SQLite makes an index for itself (https://www.sqlite.org/optoverview.html#autoindex).
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import connection as database
from django.db import transaction

from integrations.outbox.due import NOW
from klaviyo.models import Sync, SyncChange, SyncChunk, SyncRow, SyncRun, SyncStaged, SyncUnread
from klaviyo.syncs.changes import leftovers

_STAGE, _ROW = SyncStaged._meta.db_table, SyncRow._meta.db_table
_CHANGE, _UNREAD = SyncChange._meta.db_table, SyncUnread._meta.db_table
_MINE = "s.run_id = %(run)s AND s.attempt = %(attempt)s"
AIM = "aim"  # as a run's notes have it
_COLUMNS = "run_id, n, op, key, number, digest, identity, email, payload, is_done"


class Lost(Exception):
    """The attempt is another worker's by now, or the server has lost what was staged: it is read anew."""


@dataclass(frozen=True)
class Sizes:
    """How many rows a request is about."""

    send: int
    remove: int


@dataclass(frozen=True)
class Compared:
    """What came of it; nothing has been written that could not be written again."""

    read: int
    rejected: int
    added: int
    changed: int
    fixed: int  # changed, but an event stays as it was
    unchanged: int
    removed: int
    moved: int
    put_off: int  # removals, as some row could not be read that may be theirs
    told_before: int

    @property
    def leaving(self) -> int:
        return self.removed + self.moved


@transaction.atomic
def compare(
    run: SyncRun, attempt: int, staged: int, sizes: Sizes, aim: str, then: Callable[[SyncRun, Compared], None]
) -> None:
    """Turn what was staged into changes and chunks, and do what comes `then` in the same transaction. Raises Lost.

    What was told with another `aim` counts as never told.
    """
    here = SyncRun.objects.select_for_update().filter(pk=run.pk, attempt=attempt, state=SyncRun.State.READING)
    if not here.values_list("pk").first():
        raise Lost
    sync = run.sync
    with database.cursor() as cursor:
        is_anew = _has_another_aim(run, aim)
        values = {"run": run.pk, "attempt": attempt, "sync": sync.pk, "full": run.is_full, "anew": is_anew}
        work = _Work(cursor, values)
        if work.number(f"SELECT count(*) FROM {_STAGE} AS s WHERE {_MINE}") != staged:
            raise Lost
        if is_anew and not run.is_dry:
            SyncRow.objects.filter(sync=sync).update(digest=None, profile_id="")
        doubtful = set[str]() if run.is_dry else leftovers.doubtful(sync)
        left_behind = [] if run.is_dry or is_anew or sync.mode != Sync.Mode.MIRROR else leftovers.moved(sync)
        SyncChange.objects.filter(run=run).delete()
        SyncChunk.objects.filter(run=run).delete()
        work.refuse_twice("key", "have the same key")
        if not sync.may_name_somebody_twice:
            work.refuse_twice("identity", "are about the same person")
        told_before = work.number(_TOLD)
        fixed = work.number(_FIXED) if sync.destination == Sync.Destination.EVENTS else 0
        sending = work.do(_SENT_EVENTS if sync.destination == Sync.Destination.EVENTS else _SENT)
        removed = put_off = moved = 0
        if sync.destination != Sync.Destination.EVENTS:
            if work.number(_NOBODY_KNOWS_WHOSE):
                put_off = work.number(f"SELECT count(*) {_GONE}")
            else:
                work.values["base"] = sending
                removed = work.do(_REMOVED)
        if sync.mode == Sync.Mode.MIRROR:
            work.values["base"] = sending + removed
            moved = work.do(_MOVED)
            moved += leftovers.take_over(run, left_behind, sending + removed + moved)
        added = work.number(f"SELECT count(*) FROM {_CHANGE} WHERE run_id = %(run)s AND op = '+'")
        read, rejected = work.number(_READ), work.number(_REJECTED)
        if not run.is_dry:
            work.do(_KEEP_REJECTED)
            work.do(_MENDED)
            work.do(_NEVER_TOLD)
            SyncUnread.objects.filter(run=run).delete()
            work.do(_KEEP_UNREAD)
    _cut(run, SyncChunk.Kind.SEND, 0, sending, sizes.send, leftovers.places(run, doubtful))
    _cut(run, SyncChunk.Kind.REMOVE, sending, removed + moved, sizes.remove)
    found = Compared(
        read=read,
        rejected=rejected,
        added=added,
        changed=sending - added,
        fixed=fixed,
        unchanged=read - rejected - sending - fixed,
        removed=removed,
        moved=moved,
        put_off=put_off,
        told_before=told_before,
    )
    then(run, found)


def _has_another_aim(run: SyncRun, aim: str) -> bool:
    """Whether rows were last told elsewhere, or another thing. An event is one for ever."""
    if run.sync.destination == Sync.Destination.EVENTS:
        return False
    compared = SyncRun.objects.filter(sync=run.sync_id, is_dry=False, notes__has_key=AIM).order_by("-pk").first()
    return compared is not None and compared.notes[AIM] != aim


@dataclass
class _Work:
    cursor: Any
    values: dict[str, Any]

    def do(self, statement: str) -> int:
        """How many rows it was about."""
        self.cursor.execute(statement, self.values)
        return max(int(self.cursor.rowcount), 0)

    def number(self, query: str) -> int:
        self.cursor.execute(query, self.values)
        return int(self.cursor.fetchone()[0])

    def refuse_twice(self, column: str, what: str) -> None:
        """Whatever stands twice is refused, each row naming another one."""
        self.values["what"] = what
        self.values["field"] = column if column == "key" else ""
        only_good = "" if column == "key" else " AND s.reason = ''"
        self.do(
            f"""
            UPDATE {_STAGE} AS s SET field = %(field)s, reason =
                'The rows ' || d.first || ' and ' || d.last || CASE WHEN d.number > 2 THEN ' (and others) ' ELSE ' ' END
                || %(what)s || '.'
            FROM (
                SELECT s.{column} AS twice, min(s.number) AS first, max(s.number) AS last, count(*) AS number
                FROM {_STAGE} AS s WHERE {_MINE} AND s.{column} IS NOT NULL{only_good}
                GROUP BY s.{column} HAVING count(*) > 1
            ) AS d
            WHERE {_MINE} AND s.{column} = d.twice{only_good}
            """
        )


def _cut(
    run: SyncRun, kind: SyncChunk.Kind, before: int, count: int, size: int, doubtful: Collection[int] = ()
) -> None:
    """Those of which nobody knows whether they were told have chunks of their own."""
    known = SyncChunk.objects.filter(run=run).count()
    SyncChunk.objects.bulk_create(
        SyncChunk(
            run=run, number=known + at, kind=kind, first=first, last=min(first + size - 1, last), is_unsure=is_unsure
        )
        for at, (first, last, is_unsure) in enumerate(_parts(before + 1, before + count, size, sorted(doubtful)), 1)
    )


def _parts(first: int, last: int, size: int, doubtful: Sequence[int]) -> Iterator[tuple[int, int, bool]]:
    """The first change of each chunk, the last of its kind, and whether it is one of which nobody knows."""
    for place, group in groupby(enumerate(doubtful), lambda one: one[1] - one[0]):
        del place
        ns = [n for _, n in group]
        yield from ((at, ns[0] - 1, False) for at in range(first, ns[0], size))
        yield from ((at, ns[-1], True) for at in range(ns[0], ns[-1] + 1, size))
        first = ns[-1] + 1
    yield from ((at, last, False) for at in range(first, last + 1, size))


_READ = f"SELECT count(*) FROM {_STAGE} AS s WHERE {_MINE}"
_REJECTED = f"{_READ} AND s.reason <> ''"
_TOLD = f"SELECT count(*) FROM {_ROW} AS o WHERE o.sync_id = %(sync)s AND o.digest IS NOT NULL AND NOT %(anew)s"
_KNOWN = f"FROM {_STAGE} AS s LEFT JOIN {_ROW} AS o ON o.sync_id = %(sync)s AND o.key = s.key AND NOT %(anew)s"
_NEW = f"""
    SELECT %(run)s, row_number() OVER (ORDER BY s.n), CASE WHEN o.digest IS NULL THEN '+' ELSE '~' END,
        s.key, s.number, s.digest, s.identity, s.email, s.payload, false
    {_KNOWN} WHERE {_MINE} AND s.reason = ''
"""
#: Whom Klaviyo has asked to confirm it asks no second time, whatever is to be done anew.
_SENT = f"""
    INSERT INTO {_CHANGE} ({_COLUMNS}) {_NEW}
    AND (o.digest IS NULL OR o.digest <> s.digest OR (%(full)s AND o.state <> 'pending'))
"""
#: A row is one event for ever.
_SENT_EVENTS = f"INSERT INTO {_CHANGE} ({_COLUMNS}) {_NEW} AND o.digest IS NULL"
_FIXED = f"SELECT count(*) {_KNOWN} WHERE {_MINE} AND s.reason = '' AND o.digest <> s.digest"
#: A row without a key may be anybody's; where it says who it is about, it is theirs.
_NOBODY_KNOWS_WHOSE = f"{_READ} AND s.key IS NULL AND s.identity = ''"
_GONE = f"""
    FROM {_ROW} AS o
    LEFT JOIN {_STAGE} AS s ON {_MINE} AND s.key = o.key
    WHERE o.sync_id = %(sync)s AND o.digest IS NOT NULL AND NOT %(anew)s AND s.n IS NULL AND o.identity NOT IN (
        SELECT s.identity FROM {_STAGE} AS s WHERE {_MINE} AND s.key IS NULL
    )
"""
_REMOVED = f"""
    INSERT INTO {_CHANGE} ({_COLUMNS})
    SELECT %(run)s, %(base)s + row_number() OVER (ORDER BY o.key), '-', o.key, o.number, NULL, o.identity, o.email,
        '', false
    {_GONE}
"""
_MOVED = f"""
    INSERT INTO {_CHANGE} ({_COLUMNS})
    SELECT %(run)s, %(base)s + row_number() OVER (ORDER BY c.n), 'm', o.key, c.number, NULL, o.identity, o.email,
        '', false
    FROM {_CHANGE} AS c JOIN {_ROW} AS o ON o.sync_id = %(sync)s AND o.key = c.key
    WHERE c.run_id = %(run)s AND c.op = '~' AND o.identity <> c.identity AND o.identity <> ''
"""
_KEEP_REJECTED = f"""
    INSERT INTO {_ROW}
        (sync_id, key, number, digest, identity, email, profile_id, state, run, field, code, reason, since)
    SELECT %(sync)s, s.key, min(s.number), NULL, '', '', '', 'rejected', %(run)s, min(s.field), '', min(s.reason),
        {{now}}
    FROM {_STAGE} AS s WHERE {_MINE} AND s.reason <> '' AND s.key IS NOT NULL GROUP BY s.key
    ON CONFLICT (sync_id, key) DO UPDATE SET
        number = excluded.number, state = excluded.state, run = excluded.run, field = excluded.field, code = '',
        reason = excluded.reason,
        since = CASE WHEN {_ROW}.reason = excluded.reason THEN {_ROW}.since ELSE excluded.since END
"""
#: Told before, spoilt since, and now as it was.
_MENDED = f"""
    UPDATE {_ROW} AS o SET state = 'accepted', field = '', code = '', reason = '', run = %(run)s
    FROM {_STAGE} AS s WHERE {_MINE} AND s.reason = '' AND s.key = o.key
    AND o.sync_id = %(sync)s AND o.state IN ('rejected', 'refused') AND o.digest = s.digest
"""
_NEVER_TOLD = f"""
    DELETE FROM {_ROW} WHERE sync_id = %(sync)s AND digest IS NULL AND key IN (
        SELECT o.key FROM {_ROW} AS o LEFT JOIN {_STAGE} AS s ON {_MINE} AND s.key = o.key
        WHERE o.sync_id = %(sync)s AND o.digest IS NULL AND s.n IS NULL
    )
"""
_KEEP_UNREAD = f"""
    INSERT INTO {_UNREAD} (run_id, number, reason)
    SELECT s.run_id, s.number, s.reason FROM {_STAGE} AS s WHERE {_MINE} AND s.key IS NULL
"""
_KEEP_REJECTED = _KEEP_REJECTED.replace("{now}", NOW[database.vendor])
