"""Previews: the first rows of a source as they are read, and one of them stepped through as Klaviyo would get it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from zoneinfo import ZoneInfo

from django.utils import timezone

from klaviyo.models import Sync, SyncChunk, SyncRun, SyncSource
from klaviyo.syncs import destinations
from klaviyo.syncs.changes.settling import Change
from klaviyo.syncs.columns.explaining import Step
from klaviyo.syncs.columns.mapped import Mapped, Mapping, MappingError, Refused
from klaviyo.syncs.destinations.work import Work
from klaviyo.syncs.sources.opening import open_table
from klaviyo.syncs.sources.table import BadRow, Row, SourceError

ROWS, SHOWN, LIVE = 100, 5, 3
LONGEST = 60


@dataclass(frozen=True)
class Preview:
    """The first rows, those that cannot be read among them; `problem` says why there are none."""

    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    bad: tuple[BadRow, ...] = ()
    problem: str = ""

    @property
    def shown(self) -> list[tuple[int, list[str]]]:
        return [(row.number, [cell(value) for value in row.values]) for row in self.rows[:SHOWN]]

    def live(self, column: str) -> list[str]:
        """A few values of a column, as they stand there."""
        if column not in self.columns:
            return []
        place = self.columns.index(column)
        values = [cell(row.values[place]) for row in self.rows if place < len(row.values) and row.values[place]]
        return list(dict.fromkeys(values))[:LIVE]

    def words(self, column: str, most: int = 30) -> list[str]:
        """The different values of a column."""
        place = self.columns.index(column) if column in self.columns else len(self.columns)
        values = [str(row.values[place]).strip() for row in self.rows if place < len(row.values)]
        return [one for one in dict.fromkeys(values) if one and one != "None"][:most]


@dataclass(frozen=True)
class Sample:
    """A row stepped through: what becomes of each of its values, and the request; and how the others would fare."""

    number: int = 0
    place: int = 0
    of: int = 0
    steps: tuple[Step, ...] = ()
    request: str = ""
    refusal: str = ""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    go: int = 0
    refused: int = 0
    why: tuple[tuple[int, str], ...] = field(default=())

    @property
    def before(self) -> int:
        return max(1, self.place - 1)

    @property
    def after(self) -> int:
        return min(self.of, self.place + 1)


def of(source: SyncSource, limit: int = ROWS) -> Preview:
    """The first rows of the source. Whatever is wrong with it is said."""
    try:
        with open_table(source, limit=limit) as table:
            items = list(table)
            return Preview(
                table.columns,
                tuple(one for one in items if isinstance(one, Row)),
                tuple(one for one in items if isinstance(one, BadRow)),
            )
    except SourceError as error:
        return Preview(problem=str(error))


def sample(sync: Sync, document: object, preview: Preview, place: int) -> Sample | None:
    """The row at a place (from 1) under a mapping, and how all would fare; None where the mapping is not sound."""
    if not preview.rows:
        return None
    try:
        mapping = Mapping.from_json(
            document, preview.columns, destination=sync.destination, zone=ZoneInfo(sync.zone or "UTC")
        )
    except MappingError:
        return None
    results = [(row, mapping.apply(row)) for row in preview.rows]
    refused = [(row.number, _sentence(one)) for row, one in results if isinstance(one, Refused)]
    place = min(max(place, 1), len(results))
    row, made = results[place - 1]
    return Sample(
        number=row.number,
        place=place,
        of=len(results),
        steps=tuple(replace(one, becomes=_said(one.becomes)) for one in mapping.explain(row)),
        request=_request(sync, document, made) if isinstance(made, Mapped) else "",
        refusal=_sentence(made) if isinstance(made, Refused) else "",
        warnings=made.warnings if isinstance(made, Mapped) else (),
        notes=mapping.notes,
        go=len(results) - len(refused),
        refused=len(refused) + len(preview.bad),
        why=tuple([*refused, *((one.number, one.reason) for one in preview.bad)][:SHOWN]),
    )


def cell(value: object) -> str:
    """A value as a table shows it."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _said(value: object) -> object:
    """As a person reads it: what Python calls True is true."""
    return str(value).lower() if isinstance(value, bool) else value


def _sentence(refused: Refused) -> str:
    return f"{refused.field} {refused.reason}."


def _request(sync: Sync, document: object, made: Mapped) -> str:
    """As the request has it, without asking anybody."""
    tried = Sync(
        pk=sync.pk,
        uid=sync.uid,
        name=sync.name,
        destination=sync.destination,
        mode=sync.mode,
        mapping=document,
        options=sync.options,
    )
    run = SyncRun(sync=tried, began_at=timezone.now())
    payload: dict[str, Any] = dict(made.payload)
    if made.clears:
        payload = {"attributes": payload, "clears": list(made.clears)}
    change = Change(1, "+", "key", made.identity, "", json.loads(json.dumps(payload, default=_plain)))
    work = Work(run, SyncChunk(run=run, number=1), cast(Any, None), [change])
    return json.dumps(destinations.sample(work, change), indent=2, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    return value.isoformat() if isinstance(value, datetime) else str(value)


def samples(preview: Preview) -> Sequence[Sequence[object]]:
    return [row.values for row in preview.rows]
