"""Segment operations; a segment's members are worked out when somebody asks."""

import json
import sqlite3
from datetime import UTC, datetime
from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, link
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.protocol.filters import AFTER, EXACT, Column, Where, boolean, lower, moment
from klaviyo.sandbox.protocol.validation import Boolean, Items, Members, Text
from klaviyo.sandbox.resources import bearings, profiles, segment_conditions
from klaviyo.sandbox.state import identifiers
from klaviyo.sandbox.state.people import Person

DEFINITION = Members(
    {"condition_groups": Items(Members({"conditions": Items(segment_conditions.CONDITION, fewest=1)}), fewest=1)}
)
_CREATE = Members(
    {
        "data": Members(
            {
                "type": Text(choices=("segment",)),
                "attributes": Members(
                    {"name": Text(shortest=1), "definition": DEFINITION},
                    {"is_starred": Boolean(nullable=True)},
                ),
            }
        )
    }
)
_FILTERS = {
    "name": Column("s.name", EXACT, str),
    "id": Column("s.id", EXACT, str),
    "created": Column("s.created", AFTER, moment),
    "updated": Column("s.updated", AFTER, moment),
    "is_active": Column("s.is_active", EXACT, boolean),
    "is_starred": Column("s.is_starred", frozenset({"equals"}), boolean),
}
_SORTS = {"": "''", "created": "s.created", "id": "s.id", "name": "s.name", "updated": "s.updated"}
_MEMBER_FILTERS = {
    "profile_id": Column("p.id", EXACT, str),
    "email": Column(profiles.BY_EMAIL, EXACT, lower),
    "phone_number": Column("p.phone_number", EXACT, str),
    "push_token": Column("NULL", EXACT, str),
    "_kx": Column("p.kx", frozenset({"equals"}), str),
}


def get_segments(call: Call) -> Answer:
    where = Where(("s.account = ?",), (call.account,))
    page = call.page(Listing("SELECT s.* FROM segments s", where, "s.seq", _SORTS, "", _FILTERS))
    included = bearings.included(call, "segment", (row["id"] for row in page.rows))
    return call.many([resource(call, row) for row in page.rows], page, included)


def get_segment(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    return call.one(resource(call, row), included=bearings.included(call, "segment", [row["id"]]))


def create_segment(call: Call) -> Answer:
    attributes = call.parse(_CREATE)["data"]["attributes"]
    at = identifiers.instant()
    made = identifiers.short()
    definition = json.dumps(attributes["definition"])
    call.sql.execute(
        "INSERT INTO segments (id, account, name, definition, is_starred, created, updated) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (made, call.account, attributes["name"], definition, bool(attributes.get("is_starred")), at, at),
    )
    return call.one(resource(call, require(call, made)), 201)


def delete_segment(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    call.sql.execute("DELETE FROM segments WHERE id = ?", (row["id"],))
    return Answer(204)


def get_profiles_for_segment(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    inside = json.dumps([] if _is_new(call, row) else members(call.sql, row))
    where = Where(("p.id IN (SELECT value FROM json_each(?))",), (inside,))
    listing = Listing(
        "SELECT p.* FROM profiles p", where, "p.seq", {"joined_group_at": "''"}, "joined_group_at", _MEMBER_FILTERS
    )
    page = call.page(listing)
    found = [profiles.resource(call, Person.of(one), row["created"]) for one in page.rows]
    return call.many(found, page)


def members(sql: sqlite3.Connection, row: sqlite3.Row) -> list[str]:
    """The ids of the people whom a segment's definition describes."""
    everybody = sql.execute("SELECT * FROM profiles WHERE account = ? ORDER BY seq", (row["account"],))
    definition = json.loads(row["definition"])
    people = [Person.of(one) for one in everybody.fetchall()]
    return [one.id for one in people if segment_conditions.hold(sql, one, definition)]


def _is_new(call: Call, row: sqlite3.Row) -> bool:
    """Whether its members are still to come; live that takes minutes."""
    age = datetime.now(UTC) - identifiers.parsed(row["created"])
    return age.total_seconds() < call.settings.segment_seconds


def holding(call: Call, person: Person) -> list[sqlite3.Row]:
    rows = call.sql.execute("SELECT * FROM segments WHERE account = ? ORDER BY seq", (call.account,))
    return [row for row in rows.fetchall() if segment_conditions.hold(call.sql, person, json.loads(row["definition"]))]


def require(call: Call, segment_id: str, pointer: str = "/data/id") -> sqlite3.Row:
    if not identifiers.SHORT.fullmatch(segment_id):
        raise Refusal(invalid("Invalid segment id.", pointer))
    row = call.sql.execute("SELECT * FROM segments WHERE id = ? AND account = ?", (segment_id, call.account)).fetchone()
    return known("segment", segment_id, row)


def resource(call: Call, row: sqlite3.Row) -> Document:
    attributes: dict[str, Any] = {
        "name": row["name"],
        "definition": json.loads(row["definition"]),
        "created": call.moment(row["created"]),
        "updated": call.moment(row["updated"]),
        "is_active": bool(row["is_active"]),
        "is_processing": bool(call.body) or _is_new(call, row),
        "is_starred": bool(row["is_starred"]),
    }
    if "profile_count" in call.query.additional("segment"):
        attributes["profile_count"] = 0 if _is_new(call, row) else len(members(call.sql, row))
    path = f"/api/segments/{row['id']}"
    return {
        "type": "segment",
        "id": row["id"],
        "attributes": call.query.sparse("segment", attributes),
        "relationships": {
            "profiles": link(call, "profile", path, "profiles"),
            **bearings.relationships(call, "segment", row["id"]),
        },
        "links": {"self": call.address(path)},
    }
