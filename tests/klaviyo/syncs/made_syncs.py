"""Syncs of every kind and in every state, made without a run: for tests that look at pages."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.utils import timezone

from integrations.models import Connection
from klaviyo.models import Sync, SyncRow, SyncRun, SyncSource, SyncUnread
from klaviyo.pages.syncs import rejects
from klaviyo.syncs.sources import uploads

LONG = "W" * 90
FILE = b"id,Email,Name,Yes,At\n" + b"".join(
    b"%d,guest%d@example.com,%s,yes,2026-01-02\n" % (number, number, LONG.encode()) for number in range(1, 31)
)
MAPPING: dict[str, Any] = {
    "identity": {"kind": "email", "column": "Email"},
    "fields": [
        {"field": "first_name", "column": "Name", "transforms": ["trim"]},
        {"field": "properties.tier", "column": "Yes", "type": "yes_no", "when_empty": "clear"},
        {"field": "properties.whole", "template": "{Name} {id}", "type": "text"},
    ],
}
EVENT = {
    "identity": MAPPING["identity"],
    "fields": [],
    "metric": {"name": "Ordered Tea"},
    "time": {"column": "At", "form": "iso"},
}
CONSENT = {
    "identity": MAPPING["identity"],
    "fields": [],
    "consent": {"email": {"column": "Yes", "yes": ["yes"]}, "consented_at": {"column": "At", "form": "iso"}},
}
State = SyncRun.State


def fill(connection: Connection) -> Sync:
    """One of each destination, a draft, and a run in each state with rows in each; the first has been run."""
    now = timezone.now()
    upload = uploads.keep(f"{LONG}.csv", [FILE], None)
    reading = {"encoding": "utf-8", "delimiter": ",", "header_line": 1}
    about = {"kind": "file", "upload": upload, "reading": reading, "key_columns": ["id"]}
    columns = ["id", "Email", "Name", "Yes", "At"]
    source = SyncSource.objects.create(name=LONG, columns=columns, **about)
    known: dict[str, Any] = {"source": source, "connection": connection, "is_on": True}
    listed = {"list_id": "Gone01", "list_name": LONG}
    first = Sync.objects.create(
        slug="first",
        name=LONG,
        destination="profiles",
        mode="upsert",
        mapping=MAPPING,
        cron="0 6 * * *",
        next_run_at=now + timedelta(hours=9),
        **known,
    )
    others = [
        Sync.objects.create(
            slug="l", name="L", destination="list", mode="mirror", options=listed, mapping=MAPPING, **known
        ),
        Sync.objects.create(slug="e", name="E", destination="events", mode="send", mapping=EVENT, **known),
        Sync.objects.create(
            slug="s",
            name="S",
            destination="subscriptions",
            mode="subscribe",
            mapping=CONSENT,
            options={"historical": True},
            **known,
        ),
    ]
    Sync.objects.create(slug="draft", name="Draft", destination="profiles", mode="upsert", **(known | {"is_on": False}))
    for number, state in enumerate((State.DONE, State.FAILED, State.STOPPED)):
        _run(first, state, rejected=number)
    for sync, state in zip(others, (State.HELD, State.SENDING, State.READING), strict=True):
        _run(sync, state)
    dry = _run(first, State.DONE, is_dry=True)
    samples = [{"row": 1, "key": LONG, "request": {"type": "profile", "attributes": {"first_name": LONG}}}]
    SyncRun.objects.filter(pk=dry.pk).update(samples=samples)
    last = _run(first, State.DONE, rejected=3)
    for number, became in enumerate(SyncRow.State, 1):
        why = (
            {}
            if became == SyncRow.State.ACCEPTED
            else {"field": "Name", "reason": f"{LONG} is none.", "code": "invalid"}
        )
        key = f"{number}" if number > 1 else LONG * 3
        SyncRow.objects.create(
            sync=first, key=key, number=number, identity=f"{LONG}@example.com", state=became, run=last.pk, **why
        )
    SyncUnread.objects.create(run=last, number=9, reason="It has 7 values, and the header has 5.")
    return first


def addresses() -> Iterator[str]:
    """The pages of what was made."""
    at = "/admin/klaviyo/syncs/"
    yield from (at, f"{at}new", f"{at}?connection={Connection.objects.earliest('pk').pk}")
    for sync in Sync.objects.order_by("pk"):
        yield f"{at}{sync.pk}/"
        yield from (f"{at}{sync.pk}/{step}" for step in ("source", "destination", "mapping", "schedule", "remove"))
        yield from (f"{at}{sync.pk}/rows/", f"{at}{sync.pk}/rows/?state=accepted")
    yield from (f"{at}runs/{run.pk}/" for run in SyncRun.objects.order_by("pk"))
    row = SyncRow.objects.filter(state="refused").first() or SyncRow.objects.first()
    if row:
        yield f"{at}{row.sync_id}/rows/{rejects.token(row.sync, row.key)}/"


def _run(sync: Sync, state: str, **more: Any) -> SyncRun:
    now = timezone.now()
    is_over = state in (State.DONE, State.FAILED, State.STOPPED)
    counts = {"rows_read": 1_200_000, "added": 900_000, "changed": 100_000, "unchanged": 199_990, "to_send": 1_000_000}
    problem = f"{LONG} is gone. Confirm, or stop." if state in (State.HELD, State.FAILED) else ""
    told: dict[str, Any] = counts | {"sent": 400_000, "not_sent": 7, "problem": problem, "notes": {"unsubscribed": 7}}
    read_at = None if state == State.READING else now - timedelta(minutes=4)
    ended_at = now if is_over else None
    return SyncRun.objects.create(sync=sync, state=state, read_at=read_at, ended_at=ended_at, **(told | more))
