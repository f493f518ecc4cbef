"""Settling: what became of changes is written to their rows, and counted, in the transaction that closes the chunk.

What a row was told is known from here on: never from the moment when a request left.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection as database
from django.db.models import F, Q
from django.db.models.functions import Now

from integrations import lookups
from integrations.outbox.due import NOW
from integrations.outbox.retention import without_people
from klaviyo.models import SyncChange, SyncChunk, SyncRow, SyncRun

Op = SyncChange.Op

_ROW, _CHANGE = SyncRow._meta.db_table, SyncChange._meta.db_table


@dataclass(frozen=True)
class Said:
    """Why a row was not told: of which field, by which code, in which words."""

    reason: str
    code: str = ""
    field: str = ""


@dataclass(slots=True)
class Change:
    """A change in a worker's hands."""

    n: int
    op: str
    key: str
    identity: str
    email: str
    payload: dict[str, Any]


def of(chunk: SyncChunk) -> list[Change]:
    """Those that are open, in order."""
    rows = SyncChange.objects.filter(run=chunk.run_id, n__gte=chunk.first, n__lte=chunk.last, is_done=False)
    found = rows.order_by("n").values_list("n", "op", "key", "identity", "email", "payload")
    return [
        Change(n, op, key, identity, email, json.loads(payload) if payload else {})
        for n, op, key, identity, email, payload in found
    ]


def tell(run: SyncRun, ns: Collection[int], state: str = SyncRow.State.ACCEPTED) -> int:
    """These were told. How many."""
    if not ns:
        return 0
    among, values = lookups.among(ns)
    with database.cursor() as cursor:
        cursor.execute(
            _TELL.format(among=among, now=NOW[database.vendor]), [run.sync_id, state, run.pk, run.pk, values]
        )
    return _done(run, ns, sent=True)


def refuse(run: SyncRun, said: Mapping[int, Said], state: str = SyncRow.State.REFUSED) -> None:
    """These were not, for these reasons: the rows keep what is known of them at Klaviyo, and go again next time."""
    counts = {
        SyncRow.State.REFUSED: "rejected",
        SyncRow.State.REJECTED: "rejected",
        SyncRow.State.NOT_SENT: "not_sent",
        SyncRow.State.UNKNOWN: "unknown",
    }
    if not said:
        return
    rows = {change.n: change for change in _open(run, said)}
    SyncRow.objects.bulk_create(
        [
            SyncRow(
                sync_id=run.sync_id,
                key=change.key,
                number=change.number,
                identity=change.identity,
                email=change.email,
                state=state,
                run=run.pk,
                field=said[n].field[:200],
                code=said[n].code[:64],
                reason=without_people(said[n].reason),
            )
            for n, change in rows.items()
        ],
        update_conflicts=True,
        unique_fields=["sync", "key"],
        update_fields=["number", "state", "run", "field", "code", "reason"],
        batch_size=1_000,
    )
    added, changed = _count(rows)
    _mark(run, list(rows))
    column = counts[SyncRow.State(state)]
    SyncRun.objects.filter(pk=run.pk).update(
        added=F("added") - added, changed=F("changed") - changed, **{column: F(column) + len(rows)}
    )


def leave_out(run: SyncRun, ns: Collection[int], code: str) -> None:
    """Of these nothing is kept: people who were erased. They are counted as not sent."""
    rows = {change.n: change for change in _open(run, ns)}
    kept = SyncRow.objects.filter(sync=run.sync_id, key__in=[change.key for change in rows.values()])
    told = kept.filter(digest__isnull=False).count()
    kept.delete()
    added, changed = _count(rows)
    SyncChange.objects.filter(run=run.pk, n__in=list(rows)).delete()
    note_codes(run, {code: len(rows)})
    SyncRun.objects.filter(pk=run.pk).update(
        added=F("added") - added,
        changed=F("changed") - changed,
        not_sent=F("not_sent") + len(rows),
        erased=F("erased") + told,
    )


def remove(run: SyncRun, ns: Sequence[int]) -> None:
    """Whoever stood in these rows is off: the rows of which nothing is left in the source are forgotten."""
    if not ns:
        return
    among, values = lookups.among(ns)
    gone = f"SELECT key FROM {_CHANGE} WHERE run_id = %s AND op = '-' AND NOT is_done AND n {among}"
    with database.cursor() as cursor:
        cursor.execute(f"DELETE FROM {_ROW} WHERE sync_id = %s AND key IN ({gone})", [run.sync_id, run.pk, values])
        removed = max(int(cursor.rowcount), 0)
    _mark(run, ns)
    SyncRun.objects.filter(pk=run.pk).update(removed=F("removed") + removed)


def note_codes(run: SyncRun, counts: Mapping[str, int]) -> None:
    """Why rows were not sent, as the run tells it. In the transaction that has the run."""
    notes = dict(SyncRun.objects.values_list("notes", flat=True).get(pk=run.pk))
    notes |= {code: notes.get(code, 0) + count for code, count in counts.items()}
    SyncRun.objects.filter(pk=run.pk).update(notes=notes)


def still_stand(run: SyncRun, identities: Collection[str]) -> set[str]:
    """Those that another row has, which stays: whoever leaves with one row may be there by another."""
    leaving = SyncChange.objects.filter(run=run.pk, op=Op.REMOVED).values("key")
    rows = SyncRow.objects.filter(sync=run.sync_id, identity__in=list(identities)).exclude(key__in=leaving)
    return set(rows.values_list("identity", flat=True))


def _open(run: SyncRun, ns: Collection[int]) -> list[SyncChange]:
    return list(SyncChange.objects.filter(run=run.pk, n__in=list(ns), is_done=False))


def _count(rows: Mapping[int, SyncChange]) -> tuple[int, int]:
    added = sum(change.op == Op.ADDED for change in rows.values())
    return added, len(rows) - added


def _done(run: SyncRun, ns: Collection[int], *, sent: bool) -> int:
    marked = _mark(run, ns)
    SyncRun.objects.filter(pk=run.pk).update(sent=F("sent") + marked if sent else F("sent"), worked_at=Now())
    return marked


def _mark(run: SyncRun, ns: Collection[int]) -> int:
    among, values = lookups.among(ns)
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_CHANGE} SET is_done = true WHERE run_id = %s AND NOT is_done AND n {among}", [run.pk, values]
        )
        return max(int(cursor.rowcount), 0)


SENT = Q(op__in=(Op.ADDED, Op.CHANGED))
_TELL = f"""
    INSERT INTO {_ROW}
        (sync_id, key, number, digest, identity, email, profile_id, state, run, field, code, reason, since)
    SELECT %s, c.key, c.number, c.digest, c.identity, c.email, '', %s, %s, '', '', '', {{now}}
    FROM {_CHANGE} AS c WHERE c.run_id = %s AND NOT c.is_done AND c.n {{among}}
    ON CONFLICT (sync_id, key) DO UPDATE SET
        number = excluded.number, digest = excluded.digest, identity = excluded.identity, email = excluded.email,
        state = excluded.state, run = excluded.run, field = '', code = '', reason = '', since = excluded.since,
        profile_id = CASE WHEN {_ROW}.identity = excluded.identity THEN {_ROW}.profile_id ELSE '' END
"""
