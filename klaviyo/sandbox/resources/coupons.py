"""Coupon operations; a coupon's id is its external id."""

import json
import re
import sqlite3
from collections.abc import Mapping

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, same_id
from klaviyo.sandbox.protocol.errors import Problem, Refusal
from klaviyo.sandbox.protocol.filters import Where
from klaviyo.sandbox.protocol.validation import Members, Shape, Text
from klaviyo.sandbox.protocol.variant_shapes import Free
from klaviyo.sandbox.state import coupon_store

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def _external_id(text: str) -> str | None:
    return None if _NAME.fullmatch(text) else "Use letters, digits, underscores and hyphens only."


_TYPE = Text(choices=("coupon",))
_DESCRIBED: Mapping[str, Shape] = {"description": Text(nullable=True), "monitor_configuration": Free(nullable=True)}
_CREATE = Members(
    {
        "data": Members(
            {
                "type": _TYPE,
                "attributes": Members({"external_id": Text(shortest=1, longest=255, form=_external_id)}, _DESCRIBED),
            }
        )
    }
)
_UPDATE = Members({"data": Members({"type": _TYPE, "id": Text(), "attributes": Members(optional=_DESCRIBED)})})


def get_coupons(call: Call) -> Answer:
    where = Where(("c.account = ?",), (call.account,))
    page = call.page(Listing("SELECT c.* FROM coupons c", where, "c.seq", {"": "''"}, "", {}))
    return call.many([resource(call, row) for row in page.rows], page)


def get_coupon(call: Call) -> Answer:
    return call.one(resource(call, require(call, call.ids["id"])))


def create_coupon(call: Call) -> Answer:
    attributes = call.parse(_CREATE)["data"]["attributes"]
    coupon_id = attributes["external_id"]
    if coupon_store.get(call.sql, call.account, coupon_id) is not None:
        detail = f"A coupon with external_id {coupon_id} exists already."
        raise Refusal(Problem(409, "conflict", "Conflict.", detail, pointer="/data/attributes/external_id"))
    coupon_store.create(call.sql, call.account, attributes)
    return call.one(resource(call, require(call, coupon_id)), 201)


def update_coupon(call: Call) -> Answer:
    data = call.parse(_UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = require(call, data["id"])
    coupon_store.change(call.sql, call.account, row["id"], data["attributes"])
    return call.one(resource(call, require(call, row["id"])))


def delete_coupon(call: Call) -> Answer:
    """Its codes go with it."""
    coupon_store.delete(call.sql, call.account, require(call, call.ids["id"])["id"])
    return Answer(204)


def require(call: Call, coupon_id: str) -> sqlite3.Row:
    return known("coupon", coupon_id, coupon_store.get(call.sql, call.account, coupon_id))


def resource(call: Call, row: sqlite3.Row) -> Document:
    attributes = {
        "external_id": row["id"],
        "description": row["description"],
        "monitor_configuration": json.loads(row["monitor_configuration"] or "null"),
    }
    return {
        "type": "coupon",
        "id": row["id"],
        "attributes": call.query.sparse("coupon", attributes),
        "links": {"self": call.address(f"/api/coupons/{row['id']}")},
    }
