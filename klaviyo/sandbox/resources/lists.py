"""List operations."""

import sqlite3

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, link, same_id
from klaviyo.sandbox.protocol.filters import AFTER, EXACT, Column, Where, moment
from klaviyo.sandbox.protocol.validation import Members, Text
from klaviyo.sandbox.resources import bearings, profiles
from klaviyo.sandbox.state import accounts, identifiers, list_store

_TYPE = Text(choices=("list",))
_OPT_IN = Text(nullable=True, choices=("double_opt_in", "single_opt_in"))
_CREATE = Members(
    {
        "data": Members(
            {
                "type": _TYPE,
                "attributes": Members({"name": Text(shortest=1, longest=255)}, {"opt_in_process": _OPT_IN}),
            }
        )
    }
)
_UPDATE = Members(
    {
        "data": Members(
            {
                "type": _TYPE,
                "id": Text(),
                "attributes": Members(
                    optional={"name": Text(nullable=True, shortest=1, longest=255), "opt_in_process": _OPT_IN}
                ),
            }
        )
    }
)
_FILTERS = {
    "name": Column("l.name", EXACT, str),
    "id": Column("l.id", EXACT, str),
    "created": Column("l.created", AFTER, moment),
    "updated": Column("l.updated", AFTER, moment),
}
_SORTS = {"": "''", "created": "l.created", "id": "l.id", "name": "l.name", "updated": "l.updated"}


def get_lists(call: Call) -> Answer:
    where = Where(("l.account = ?",), (call.account,))
    page = call.page(Listing("SELECT l.* FROM lists l", where, "l.seq", _SORTS, "", _FILTERS))
    included = bearings.included(call, "list", (row["id"] for row in page.rows))
    return call.many([resource(call, row) for row in page.rows], page, included)


def get_list(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    return call.one(resource(call, row), included=bearings.included(call, "list", [row["id"]]))


def create_list(call: Call) -> Answer:
    attributes = call.parse(_CREATE)["data"]["attributes"]
    opt_in = attributes.get("opt_in_process") or accounts.opt_in_process(call.sql, call.account)
    made = list_store.create(call.sql, call.account, attributes["name"], opt_in)
    return call.one(resource(call, require(call, made)), 201)


def update_list(call: Call) -> Answer:
    data = call.parse(_UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = require(call, data["id"])
    attributes = {"name": row["name"], "opt_in_process": row["opt_in_process"]}
    attributes |= {name: value for name, value in data["attributes"].items() if value is not None}
    call.sql.execute(
        "UPDATE lists SET name = ?, opt_in_process = ?, updated = ? WHERE id = ?",
        (attributes["name"], attributes["opt_in_process"], identifiers.instant(), row["id"]),
    )
    return call.one(resource(call, require(call, row["id"])))


def delete_list(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    call.sql.execute("DELETE FROM lists WHERE id = ?", (row["id"],))
    return Answer(204)


def get_lists_for_profile(call: Call) -> Answer:
    return call.many([resource(call, row) for row in _of_profile(call)])


def get_list_ids_for_profile(call: Call) -> Answer:
    return call.many([{"type": "list", "id": row["id"]} for row in _of_profile(call)])


def require(call: Call, list_id: str) -> sqlite3.Row:
    return known("list", list_id, list_store.get(call.sql, call.account, list_id))


def resource(call: Call, row: sqlite3.Row) -> Document:
    attributes = {name: row[name] for name in ("name", "created", "updated", "opt_in_process")}
    attributes |= {name: call.moment(row[name]) for name in ("created", "updated")}
    if "profile_count" in call.query.additional("list"):
        attributes["profile_count"] = list_store.size(call.sql, row["id"])
    path = f"/api/lists/{row['id']}"
    return {
        "type": "list",
        "id": row["id"],
        "attributes": call.query.sparse("list", attributes),
        "relationships": {
            "profiles": link(call, "profile", path, "profiles"),
            **bearings.relationships(call, "list", row["id"]),
        },
        "links": {"self": call.address(path)},
    }


def _of_profile(call: Call) -> list[sqlite3.Row]:
    return list_store.of_profile(call.sql, profiles.require(call, call.ids["id"]).id)
