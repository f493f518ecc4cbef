"""Flow operations; nothing starts a flow here, and none sends."""

import json
import sqlite3

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, link, same_id
from klaviyo.sandbox.protocol.filters import RANGE, Column, Where, boolean, moment
from klaviyo.sandbox.protocol.validation import Members, Text
from klaviyo.sandbox.resources import flow_definitions, tags
from klaviyo.sandbox.state import flow_store, tag_store

_UPDATE = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("flow",)),
                "id": Text(),
                "attributes": Members({"status": Text(choices=flow_definitions.STATUSES)}),
            }
        )
    }
)
_EQUALS = frozenset({"equals"})
_WHEN = RANGE | _EQUALS
_FILTERS = {
    "id": Column("f.id", frozenset({"any"})),
    "name": Column("f.name", frozenset({"contains", "ends-with", "equals", "starts-with"})),
    "status": Column("f.status", _EQUALS),
    "archived": Column("f.archived", _EQUALS, boolean),
    "created": Column("substr(f.created, 1, 19) || '+00:00'", _WHEN, moment),
    "updated": Column("substr(f.updated, 1, 19) || '+00:00'", _WHEN, moment),
    "trigger_type": Column("f.trigger_type", _EQUALS),
}
_SORTS = {
    "": "''",
    "id": "f.id",
    **{name: f"f.{name}" for name in ("created", "name", "status", "trigger_type", "updated")},
}


def get_flows(call: Call) -> Answer:
    where = Where(("f.account = ?",), (call.account,))
    page = call.page(Listing("SELECT f.* FROM flows f", where, "f.seq", _SORTS, "", _FILTERS))
    return call.many([resource(call, row) for row in page.rows], page, _included(call, page.rows))


def get_flow(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    shows = "definition" in call.query.additional("flow")
    return call.one(resource(call, row, with_definition=shows), included=_included(call, [row]))


def create_flow(call: Call) -> Answer:
    attributes = call.parse(flow_definitions.CREATE)["data"]["attributes"]
    definition = attributes["definition"]
    flow_definitions.check(call, definition)
    kind = flow_definitions.trigger_type(definition)
    kept = flow_definitions.with_ids(definition)
    made = flow_store.create(call.sql, call.account, attributes["name"], kind, kept)
    return call.one(resource(call, require(call, made), with_definition=True), 201)


def update_flow(call: Call) -> Answer:
    data = call.parse(_UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = require(call, data["id"])
    status = data["attributes"]["status"]
    changed = flow_definitions.with_status(json.loads(row["definition"]), status)
    flow_store.change(call.sql, row["id"], status, changed)
    return call.one(resource(call, require(call, row["id"])))


def delete_flow(call: Call) -> Answer:
    flow_store.delete(call.sql, require(call, call.ids["id"])["id"])
    return Answer(204)


def require(call: Call, flow_id: str) -> sqlite3.Row:
    return known("flow", flow_id, flow_store.get(call.sql, call.account, flow_id))


def resource(call: Call, row: sqlite3.Row, *, with_definition: bool = False) -> Document:
    attributes: Document = {name: row[name] for name in ("name", "status", "trigger_type")}
    attributes["archived"] = bool(row["archived"])
    attributes |= {name: call.moment(row[name]) for name in ("created", "updated")}
    if with_definition:
        attributes["definition"] = json.loads(row["definition"])
    path = f"/api/flows/{row['id']}"
    include = call.query.include
    actions = [one["id"] for one in _actions(row)] if "flow-actions" in include else None
    borne = [one["id"] for one in tag_store.of_thing(call.sql, "flow", row["id"])] if "tags" in include else None
    return {
        "type": "flow",
        "id": row["id"],
        "attributes": call.query.sparse("flow", attributes),
        "relationships": {
            "flow-actions": link(call, "flow-action", path, "flow-actions", actions),
            "tags": link(call, "tag", path, "tags", borne),
        },
        "links": {"self": call.address(path)},
    }


def _included(call: Call, rows: list[sqlite3.Row]) -> list[Document] | None:
    asked = call.query.include
    if not asked:
        return None
    included: list[Document] = []
    if "flow-actions" in asked:
        included += [_action(call, row, one) for row in rows for one in _actions(row)]
    if "tags" in asked:
        borne = {one["id"]: one for row in rows for one in tag_store.of_thing(call.sql, "flow", row["id"])}
        included += [tags.resource(call, one) for one in borne.values()]
    return included


def _actions(row: sqlite3.Row) -> list[Document]:
    actions: list[Document] = json.loads(row["definition"])["actions"]
    return actions


def _action(call: Call, row: sqlite3.Row, action: Document) -> Document:
    path = f"/api/flow-actions/{action['id']}"
    attributes = {"created": row["created"], "updated": row["updated"], "definition": action}
    return {
        "type": "flow-action",
        "id": action["id"],
        "attributes": call.query.sparse("flow-action", attributes),
        "relationships": {
            "flow": {**link(call, "flow", path, "flow"), "data": {"type": "flow", "id": row["id"]}},
            "flow-messages": link(call, "flow-message", path, "flow-messages"),
        },
        "links": {"self": call.address(path)},
    }
