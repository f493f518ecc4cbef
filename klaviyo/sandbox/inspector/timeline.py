"""Timeline of a person: their events and changes of consent, newest first."""

import json
import sqlite3
from typing import Any

from klaviyo.sandbox.inspector import layout
from klaviyo.sandbox.inspector.view import View
from klaviyo.sandbox.markup import Html, fill, join
from klaviyo.sandbox.resources import topics
from klaviyo.sandbox.state import identifiers, webhook_deliveries

_ENTRY = """<li><div class="title"><b>{what}</b><span class="muted small">{at}</span></div>{details}</li>"""
_MOST = 200


def of_person(view: View, profile_id: str) -> Html:
    rows = view.sql.execute(
        "SELECT e.*, m.name AS metric_name FROM events e JOIN metrics m ON m.id = e.metric "
        "WHERE e.profile = ? ORDER BY e.time DESC, e.seq DESC LIMIT ?",
        (profile_id, _MOST),
    ).fetchall()
    entries = [(float(row["time"]), _event(view, row)) for row in rows]
    entries += [(row["time"], _change(view, row)) for row in webhook_deliveries.of_profile(view.sql, profile_id)]
    entries.sort(key=lambda entry: entry[0], reverse=True)
    if not entries:
        return layout.empty("Nothing has happened yet.")
    return fill('<ul class="timeline">{entries}</ul>', entries=join(entry for _, entry in entries[:_MOST]))


def _event(view: View, row: sqlite3.Row) -> Html:
    told = json.loads(row["properties"])
    if row["value"] is not None:
        told = {"Value": f"{row['value']:g} {row['value_currency'] or ''}".strip(), **told}
    return _entry(view, row["metric_name"], row["time"], told)


def _change(view: View, row: sqlite3.Row) -> Html:
    told = json.loads(row["properties"])
    if "method" in told:
        told = {"How": told["method"].replace("_", " ").capitalize()}
    return _entry(view, topics.title(row["topic"]), row["time"], told)


def _entry(view: View, what: str, seconds: float, told: dict[str, Any]) -> Html:
    at = view.when(identifiers.moment(identifiers.from_timestamp(seconds)))
    return fill(_ENTRY, what=what, at=at, details=layout.pairs(told) if told else layout.NOTHING)
