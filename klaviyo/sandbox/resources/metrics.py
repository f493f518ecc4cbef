"""Metric operations; a metric is made by the first event that names it."""

import sqlite3

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, link
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.filters import Column, Where
from klaviyo.sandbox.state import identifiers

APP = "Sorae"
_FILTERS = {
    "integration.name": Column(f"'{APP}'", frozenset({"equals"})),
    # Live, a filter by category has no effect.
    "integration.category": Column("(1 OR '' {})", frozenset({"equals"})),
}


def get_metrics(call: Call) -> Answer:
    where = Where(("m.account = ?",), (call.account,))
    page = call.page(Listing("SELECT m.* FROM metrics m", where, "m.seq", {"": "''"}, "", _FILTERS))
    return call.many([resource(call, row) for row in page.rows], page)


def get_metric(call: Call) -> Answer:
    if not identifiers.SHORT.fullmatch(call.ids["id"]):
        raise Refusal(invalid("Invalid metric id.", "/data/id"))
    return call.one(resource(call, row_of(call, call.ids["id"])))


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
        "relationships": {"flow-triggers": link(call, "flow", path, "flow-triggers")},
        "links": {"self": call.address(path)},
    }
