"""Rows that were not told: each with its key, its field, why, and since when; also as CSV."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import QueryDict

from integrations import encryption
from integrations.pages import csv_lines
from klaviyo.models import Sync, SyncRow, SyncRun, SyncUnread
from klaviyo.pages.syncs import rights

PAGE = 50
State = SyncRow.State
PROBLEMS = (State.REJECTED, State.REFUSED, State.NOT_SENT, State.UNKNOWN, State.PENDING, State.REMOVED_THERE)
LEVELS = {
    State.ACCEPTED: "good",
    State.CONFIRMED: "good",
    State.PENDING: "info",
    State.NOT_SENT: "",
    State.UNKNOWN: "",
    State.REJECTED: "bad",
    State.REFUSED: "bad",
    State.REMOVED_THERE: "warn",
}
REJECTED = (State.REJECTED, State.REFUSED)
UNREAD = "unread"
HEADER = ("line", "key", "state", "field", "reason", "code", "since")


@dataclass(frozen=True)
class Shown:
    """A row as the page lists it; `token` leads to its own page, and names nobody."""

    number: int
    key: str
    state: str
    level: str
    field: str
    reason: str
    code: str
    since: datetime | None
    token: str = ""


@dataclass(frozen=True)
class Chosen:
    """What is wanted of a sync's rows: in which state, for which field and code."""

    state: str = ""
    field: str | None = None
    code: str | None = None
    run: int | None = None

    @classmethod
    def read(cls, query: QueryDict) -> "Chosen":
        state = query.get("state", "")
        run = query.get("run", "")
        field, code = (
            None if (word := query.get(name)) is None else word.replace("\x00", "") for name in ("field", "code")
        )
        return cls(
            state if state in State.values or state == UNREAD else "",
            field[:200] if field is not None else None,
            code[:64] if code is not None else None,
            int(run) if run.isdecimal() and len(run) < 19 else None,
        )

    def among(self, sync: Sync) -> "QuerySet[SyncRow]":
        found: dict[str, Any] = {"state": self.state} if self.state else {"state__in": PROBLEMS}
        found |= {name: value for name in ("field", "code", "run") if (value := getattr(self, name)) is not None}
        return SyncRow.objects.filter(sync=sync, **found)

    @property
    def is_wide(self) -> bool:
        """Whether it may be every row there is."""
        return self.state in (State.ACCEPTED, State.CONFIRMED)

    def in_order(self, sync: Sync) -> "QuerySet[SyncRow]":
        """As they stand in the source; what may be a million rows, by their keys, which have an index."""
        return self.among(sync).order_by(*(("key",) if self.is_wide else ("number", "key")))


@dataclass(frozen=True)
class Group:
    """How many rows stand still for one reason."""

    state: str
    words: str
    field: str
    code: str
    count: int
    is_current: bool


def groups(sync: Sync, chosen: Chosen) -> list[Group]:
    """Most first."""
    rows = SyncRow.objects.filter(sync=sync, state__in=PROBLEMS)
    counted = rows.values_list("state", "field", "code").annotate(number=Count("*")).order_by("-number")[:20]
    return [
        Group(
            state,
            State(state).label,
            field,
            code,
            number,
            (chosen.state, chosen.field, chosen.code) == (state, field, code),
        )
        for state, field, code, number in counted
    ]


def page(sync: Sync, chosen: Chosen, after: str, sees_people: bool) -> tuple[list[Shown], str]:
    """The rows behind one, in their order, and where the next ones begin (empty: nowhere)."""
    rows = chosen.in_order(sync)
    if last := key_of(sync, after):
        number, key = json.loads(last)
        rows = (
            rows.filter(key__gt=key)
            if chosen.is_wide
            else rows.filter(Q(number__gt=number) | Q(number=number, key__gt=key))
        )
    found = list(rows[: PAGE + 1])
    more = ""
    if len(found) > PAGE:
        more = token(sync, json.dumps([found[PAGE - 1].number, found[PAGE - 1].key]))
    return [shown(sync, row, sees_people) for row in found[:PAGE]], more


def shown(sync: Sync, row: SyncRow, sees_people: bool) -> Shown:
    return Shown(
        row.number,
        row.key if sees_people else rights.short(row.key),
        State(row.state).label,
        LEVELS[State(row.state)],
        row.field,
        row.reason if sees_people else rights.hidden(row.reason),
        row.code,
        row.since,
        token(sync, row.key),
    )


def unread(run: SyncRun | None) -> list[Shown]:
    """Rows of a run that have no key, the first of them."""
    if run is None:
        return []
    rows = SyncUnread.objects.filter(run=run).order_by("number")[:PAGE]
    return [Shown(row.number, "", "Without a key", "bad", "", row.reason, "", None) for row in rows]


def lines(sync: Sync, run: SyncRun | None, chosen: Chosen, sees_people: bool) -> Iterator[str]:
    """Header and rows as CSV, while they are read; those without a key first."""
    return csv_lines.of(HEADER, _cells(sync, run, chosen, sees_people))


def _cells(sync: Sync, run: SyncRun | None, chosen: Chosen, sees_people: bool) -> Iterator[tuple[str, ...]]:
    if run is not None and chosen.state in ("", State.REJECTED) and chosen.field is None:
        for number, reason in SyncUnread.objects.filter(run=run).values_list("number", "reason").iterator():
            said = reason if sees_people else rights.hidden(reason)
            yield str(number), "", "Without a key", "", said, "", run.began_at.isoformat(timespec="seconds")
    for row in chosen.in_order(sync).iterator(chunk_size=1000):
        one = shown(sync, row, sees_people)
        since = one.since.isoformat(timespec="seconds") if one.since else ""
        yield str(one.number), one.key, one.state, one.field, one.reason, one.code, since


def token(sync: Sync, key: str) -> str:
    """A word for an address, by which this site finds the row again, and nobody reads the key.

    Empty while the site has lost the key that seals it.
    """
    return encryption.word_of(key, f"row of sync {sync.pk}") if encryption.first_key_id() else ""


def key_of(sync: Sync, word: str) -> str:
    """The key behind a word; empty for none of ours."""
    try:
        return encryption.of_word(word, f"row of sync {sync.pk}") if word else ""
    except encryption.Undecryptable:
        return ""
