"""Metric operations; a metric is made by the first event that names it."""

import sqlite3

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.filters import Column, Where
from klaviyo.sandbox.resources import bearings, flows
from klaviyo.sandbox.state import flow_store, identifiers

APP = "Sorae"
_FILTERS = {
    "integration.name": Column(f"'{APP}'", frozenset({"equals"})),
    # Live, a filter by category has no effect.
    "integration.category": Column("(1 OR '' {})", frozenset({"equals"})),
}


def get_metrics(call: Call) -> Answer:
    where = Where(("m.account = ?",), (call.account,))
    page = call.page(Listing("SELECT m.* FROM metrics m", where, "m.seq", {"": "''"}, "", _FILTERS))
    included = bearings.included(call, "metric", (row["id"] for row in page.rows))
    return call.many([resource(call, row) for row in page.rows], page, included)


def get_metric(call: Call) -> Answer:
    row = _of_path(call)
    return call.one(resource(call, row), included=bearings.included(call, "metric", [row["id"]]))


def get_flows_triggered_by_metric(call: Call) -> Answer:
    rows = flow_store.triggered_by(call.sql, call.account, "metric", _of_path(call)["id"])
    return call.many([flows.resource(call, row) for row in rows])


def row_of(call: Call, metric_id: str) -> sqlite3.Row:
    row = call.sql.execute("SELECT * FROM metrics WHERE id = ? AND account = ?", (metric_id, call.account)).fetchone()
    return known("metric", metric_id, row)


def resource(call: Call, row: sqlite3.Row) -> Document:
    path = f"/api/metrics/{row['id']}"
    attributes = {
        "name": row["name"],
        "created": row["created"],
        "updated": row["updated"],
        "integration": {
            "object": "integration",
            "id": "0soRAE",
            "key": "sorae",
            "name": APP,
            "category": "API",
        },
    }
    return {
        "type": "metric",
        "id": row["id"],
        "attributes": call.query.sparse("metric", attributes),
        "relationships": bearings.flow_triggers(call, "metric", row["id"]),
        "links": {"self": call.address(path)},
    }


def _of_path(call: Call) -> sqlite3.Row:
    if not identifiers.SHORT.fullmatch(call.ids["id"]):
        raise Refusal(invalid("Invalid metric id.", "/data/id"))
    return row_of(call, call.ids["id"])
