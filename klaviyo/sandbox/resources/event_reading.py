"""Event read-back operations: one event, or pages of them."""

import json
import sqlite3
import time

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, link
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.filters import RANGE, Column, Where, moment, number
from klaviyo.sandbox.resources import metrics, profiles
from klaviyo.sandbox.state import identifiers, people

_FILTERS = {
    "metric_id": Column("e.metric", frozenset({"equals"})),
    "profile_id": Column("e.profile", frozenset({"equals"})),
    "profile": Column("e.profile", frozenset({"has"})),
    "metric": Column("e.metric", frozenset({"has"})),
    "datetime": Column("e.time", RANGE, lambda value: identifiers.parsed(moment(value)).timestamp()),
    "timestamp": Column("e.time", RANGE, number),
}
_SORTS = {"datetime": "e.time", "timestamp": "e.time"}
_decode = json.JSONDecoder().decode
_NEVER_NULL = frozenset({"e.time"})


def get_events(call: Call) -> Answer:
    where = Where(("e.account = ?", "e.readable_at <= ?"), (call.account, time.time()))
    page = call.page(Listing("SELECT e.* FROM events e", where, "e.seq", _SORTS, "-datetime", _FILTERS, _NEVER_NULL))
    return call.many([_resource(call, row) for row in page.rows], page, _included(call, page.rows))


def get_event(call: Call) -> Answer:
    event_id = call.ids["id"]
    if not identifiers.EVENT.fullmatch(event_id):
        raise Refusal(invalid(f"Invalid Event ID: '{event_id}'", "/data/id"))
    row = call.sql.execute(
        "SELECT * FROM events WHERE id = ? AND account = ? AND readable_at <= ?",
        (event_id, call.account, time.time()),
    ).fetchone()
    row = known("event", event_id, row)
    return call.one(_resource(call, row), included=_included(call, [row]))


def _resource(call: Call, row: sqlite3.Row) -> Document:
    properties = _decode(row["properties"])
    properties["$event_id"] = row["unique_id"]
    if row["value"] is not None:
        properties["$value"] = row["value"]
    if row["value_currency"]:
        properties["$value_currency"] = row["value_currency"]
    attributes = {
        "timestamp": row["time"],
        "event_properties": properties,
        "datetime": identifiers.second(row["time"]),
        "uuid": row["uuid"],
    }
    path = f"/api/events/{row['id']}"
    return {
        "type": "event",
        "id": row["id"],
        "attributes": call.query.sparse("event", attributes),
        "relationships": {
            name: {**link(call, name, path, name), "data": {"type": name, "id": row[name]}}
            for name in ("profile", "metric")
        },
        "links": {"self": call.address(path)},
    }


def _included(call: Call, rows: list[sqlite3.Row]) -> list[Document] | None:
    asked = call.query.include
    if not asked:
        return None
    included: list[Document] = []
    if "metric" in asked:
        ids = dict.fromkeys(row["metric"] for row in rows)
        included += [metrics.resource(call, metrics.row_of(call, one)) for one in ids]
    if "profile" in asked:
        for one in dict.fromkeys(row["profile"] for row in rows):
            person = people.get(call.sql, call.account, one)
            if person:
                included.append(profiles.resource(call, person))
    return included
