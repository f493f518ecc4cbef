"""Coupon code operations; a code's id is its coupon's id and its own text."""

import sqlite3

from klaviyo.sandbox.protocol import filter_language
from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, link_to_one, same_id
from klaviyo.sandbox.protocol.errors import Problem, Refusal
from klaviyo.sandbox.protocol.filter_language import wrong
from klaviyo.sandbox.protocol.filters import EXACT, RANGE, Column, Where, moment, one_of
from klaviyo.sandbox.protocol.formats import moment as a_moment
from klaviyo.sandbox.protocol.validation import Members, Shape, Text
from klaviyo.sandbox.resources import coupons
from klaviyo.sandbox.state import coupon_store

STATUSES = ("ASSIGNED_TO_PROFILE", "DELETING", "PROCESSING", "UNASSIGNED", "USED", "VERSION_NOT_ACTIVE")

_TYPE = Text(choices=("coupon-code",))
_EXPIRES: dict[str, Shape] = {"expires_at": Text(nullable=True, form=a_moment)}
_OF_COUPON = Members({"coupon": Members({"data": Members({"type": Text(choices=("coupon",)), "id": Text()})})})
ONE = Members(
    {
        "type": _TYPE,
        "attributes": Members({"unique_code": Text(shortest=1, longest=255)}, _EXPIRES),
        "relationships": _OF_COUPON,
    }
)
_CREATE = Members({"data": ONE})
_UPDATE = Members(
    {
        "data": Members(
            {
                "type": _TYPE,
                "id": Text(),
                "attributes": Members(optional={"status": Text(nullable=True, choices=STATUSES), **_EXPIRES}),
            }
        )
    }
)
_OWNERS = ("coupon.id", "profile.id")
_FILTERS = {
    "expires_at": Column("c.expires_at", RANGE, moment),
    "status": Column("c.status", frozenset({"equals"}), one_of(*STATUSES)),
    "coupon.id": Column("c.coupon", EXACT),
    "profile.id": Column("c.profile", EXACT),
}


def get_coupon_codes(call: Call) -> Answer:
    asked = filter_language.parse(call.query.filter) if call.query.filter else []
    if not any(condition.field in _OWNERS for condition in asked):
        raise wrong("A filter by coupon.id or profile.id is required.")
    where = Where(("c.account = ?",), (call.account,))
    page = call.page(Listing("SELECT c.* FROM coupon_codes c", where, "c.seq", {"": "''"}, "", _FILTERS))
    return call.many([resource(call, row) for row in page.rows], page, _included(call, page.rows))


def get_coupon_code(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    return call.one(resource(call, row), included=_included(call, [row]))


def create_coupon_code(call: Call) -> Answer:
    """The specification knows a 200 here, and no 201."""
    data = call.parse(_CREATE)["data"]
    coupon = coupons.require(call, data["relationships"]["coupon"]["data"]["id"])
    attributes = data["attributes"]
    made = coupon_store.add_code(
        call.sql, call.account, coupon["id"], attributes["unique_code"], attributes.get("expires_at"), None
    )
    if made is None:
        detail = f"The coupon {coupon['id']} has this code already."
        raise Refusal(Problem(409, "conflict", "Conflict.", detail, pointer="/data/attributes/unique_code"))
    return call.one(resource(call, require(call, made)))


def update_coupon_code(call: Call) -> Answer:
    data = call.parse(_UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = require(call, data["id"])
    attributes = data["attributes"]
    coupon_store.change_code(call.sql, row["seq"], attributes.get("status"), attributes.get("expires_at"))
    return call.one(resource(call, require(call, row["id"])))


def delete_coupon_code(call: Call) -> Answer:
    """One that was given to somebody stays; which error says so is not published."""
    row = require(call, call.ids["id"])
    if row["profile"] or row["status"] == "ASSIGNED_TO_PROFILE":
        detail = "A coupon code that has been assigned to a profile cannot be deleted."
        raise Refusal(Problem(409, "conflict", "Conflict.", detail, pointer="/data/id"))
    coupon_store.delete_code(call.sql, row["seq"])
    return Answer(204)


def require(call: Call, code_id: str) -> sqlite3.Row:
    return known("coupon code", code_id, coupon_store.code(call.sql, call.account, code_id))


def resource(call: Call, row: sqlite3.Row) -> Document:
    attributes = {name: row[name] for name in ("unique_code", "expires_at", "status")}
    path = f"/api/coupon-codes/{row['id']}"
    return {
        "type": "coupon-code",
        "id": row["id"],
        "attributes": call.query.sparse("coupon-code", attributes),
        "relationships": {
            "coupon": link_to_one(call, "coupon", path, "coupon", row["coupon"]),
            "profile": link_to_one(call, "profile", path, "profile", row["profile"]),
        },
        "links": {"self": call.address(path)},
    }


def _included(call: Call, rows: list[sqlite3.Row]) -> list[Document] | None:
    if "coupon" not in call.query.include:
        return None
    named = dict.fromkeys(row["coupon"] for row in rows)
    return [coupons.resource(call, coupons.require(call, one)) for one in named]
