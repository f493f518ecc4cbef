"""Events and metrics pages of an account."""

import json
import sqlite3
from typing import Any

from klaviyo.sandbox.inspector import layout
from klaviyo.sandbox.inspector.view import View
from klaviyo.sandbox.markup import Html, fill, join
from klaviyo.sandbox.state import event_store, identifiers

_PER_PAGE = 50


def metrics(view: View) -> Html:
    rows = view.sql.execute(
        "SELECT m.*, COUNT(e.seq) AS events, COUNT(DISTINCT e.profile) AS people, MAX(e.time) AS latest "
        "FROM metrics m LEFT JOIN events e ON e.metric = m.id WHERE m.account = ? GROUP BY m.seq ORDER BY m.name",
        (view.account,),
    )
    lines = (
        (
            layout.anchor(row["name"], f"{view.path('events')}?metric={row['id']}"),
            f"{row['events']:,}",
            f"{row['people']:,}",
            view.when(_text(row["latest"])),
        )
        for row in rows
    )
    body = layout.table(("Metric", "#Events", "#People", "Last"), lines, "No event has named a metric yet.")
    return view.render("Metrics", fill('<section class="card">{body}</section>', body=body), section="metrics")


def events(view: View) -> Html:
    metric = view.query.get("metric", "")
    named = view.sql.execute("SELECT name FROM metrics WHERE id = ? AND account = ?", (metric, view.account)).fetchone()
    rows = view.sql.execute(
        "SELECT e.*, m.name AS metric_name, p.email, p.phone_number FROM events e "
        "JOIN metrics m ON m.id = e.metric JOIN profiles p ON p.id = e.profile "
        "WHERE e.account = ?1 AND (?2 = '' OR e.metric = ?2) ORDER BY e.time DESC, e.seq DESC LIMIT ?3 OFFSET ?4",
        (view.account, metric, _PER_PAGE + 1, (view.page - 1) * _PER_PAGE),
    ).fetchall()
    body = layout.table(
        ("Event", "Person", "When", "#Received"),
        (_line(view, row) for row in rows[:_PER_PAGE]),
        "No event has arrived yet.",
    )
    more = layout.pages(
        view.path("events"), {"metric": metric} if metric else {}, view.page, more=len(rows) > _PER_PAGE
    )
    return view.render(
        named["name"] if named else "Events",
        join([fill('<section class="card">{body}</section>', body=body), more]),
        section="events",
        crumbs=[("Events", view.path("events"))] if named else (),
        lead="" if named else f"{event_store.count(view.sql, view.account):,} stored",
    )


def _line(view: View, row: sqlite3.Row) -> tuple[Any, ...]:
    told = json.loads(row["properties"])
    summary = ", ".join(f"{name}: {layout.shown(value)}" for name, value in told.items())
    what = fill(
        '<b>{metric}</b><span class="under">{summary}</span>',
        metric=row["metric_name"],
        summary=summary if len(summary) < 200 else f"{summary[:200]}…",
    )
    who = layout.anchor(row["email"] or row["phone_number"] or row["profile"], view.path("people", row["profile"]))
    return what, who, view.when(_text(row["time"])), row["received"]


def _text(seconds: int | None) -> str | None:
    return None if seconds is None else identifiers.moment(identifiers.from_timestamp(seconds))
