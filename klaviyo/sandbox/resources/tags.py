"""Tag operations: tags of an account, and what bears them."""

import sqlite3

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, link, same_id
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.filters import Column, Where
from klaviyo.sandbox.protocol.validation import Items, Members, Text
from klaviyo.sandbox.state import tag_store

# https://developers.klaviyo.com/en/reference/create_tag and /tag_flows name both.
MOST_TAGS = 500
MOST_OF_ONE = 100
KINDS = tuple(tag_store.TABLES)

_TYPE = Text(choices=("tag",))
_NAME = Members({"name": Text(shortest=1, longest=255)})
_GROUP = Members({"tag-group": Members({"data": Members({"type": Text(choices=("tag-group",)), "id": Text()})})})
_CREATE = Members({"data": Members({"type": _TYPE, "attributes": _NAME}, {"relationships": _GROUP})})
_UPDATE = Members({"data": Members({"type": _TYPE, "id": Text(), "attributes": _NAME})})
_THINGS = {
    kind: Members({"data": Items(Members({"type": Text(choices=(kind,)), "id": Text()}), fewest=1)}) for kind in KINDS
}
_FILTERS = {"name": Column("t.name", frozenset({"contains", "ends-with", "equals", "starts-with"}))}
_SORTS = {"": "''", "id": "t.id", "name": "t.name"}


def get_tags(call: Call) -> Answer:
    where = Where(("t.account = ?",), (call.account,))
    page = call.page(Listing("SELECT t.* FROM tags t", where, "t.seq", _SORTS, "", _FILTERS))
    return call.many([resource(call, row) for row in page.rows], page, _included(call, page.rows))


def get_tag(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    return call.one(resource(call, row), included=_included(call, [row]))


def create_tag(call: Call) -> Answer:
    data = call.parse(_CREATE)["data"]
    name = data["attributes"]["name"]
    _refuse_taken(call, name)
    if tag_store.count(call.sql, call.account) >= MOST_TAGS:
        raise Refusal(invalid(f"An account may have at most {MOST_TAGS} tags.", "/data"))
    named = (data.get("relationships") or {}).get("tag-group")
    if named:
        group = known("tag group", named["data"]["id"], tag_store.group(call.sql, call.account, named["data"]["id"]))
        group_id = group["id"]
    else:
        group_id = tag_store.default_group(call.sql, call.account)
    return call.one(resource(call, require(call, tag_store.create(call.sql, call.account, name, group_id))), 201)


def update_tag(call: Call) -> Answer:
    data = call.parse(_UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = require(call, data["id"])
    _refuse_taken(call, data["attributes"]["name"], but_by=row["id"])
    tag_store.rename(call.sql, row["id"], data["attributes"]["name"])
    return Answer(204)


def delete_tag(call: Call) -> Answer:
    tag_store.delete(call.sql, require(call, call.ids["id"])["id"])
    return Answer(204)


def tag_campaigns(call: Call) -> Answer:
    return _tag(call, "campaign")


def tag_flows(call: Call) -> Answer:
    return _tag(call, "flow")


def tag_lists(call: Call) -> Answer:
    return _tag(call, "list")


def tag_segments(call: Call) -> Answer:
    return _tag(call, "segment")


def remove_tag_from_campaigns(call: Call) -> Answer:
    return _untag(call, "campaign")


def remove_tag_from_flows(call: Call) -> Answer:
    return _untag(call, "flow")


def remove_tag_from_lists(call: Call) -> Answer:
    return _untag(call, "list")


def remove_tag_from_segments(call: Call) -> Answer:
    return _untag(call, "segment")


def get_campaign_ids_for_tag(call: Call) -> Answer:
    return _things(call, "campaign")


def get_flow_ids_for_tag(call: Call) -> Answer:
    return _things(call, "flow")


def get_list_ids_for_tag(call: Call) -> Answer:
    return _things(call, "list")


def get_segment_ids_for_tag(call: Call) -> Answer:
    return _things(call, "segment")


def get_tags_for_campaign(call: Call) -> Answer:
    return call.many([resource(call, row) for row in _of_path(call, "campaign")])


def get_tags_for_flow(call: Call) -> Answer:
    return call.many([resource(call, row) for row in _of_path(call, "flow")])


def get_tags_for_list(call: Call) -> Answer:
    return call.many([resource(call, row) for row in _of_path(call, "list")])


def get_tags_for_segment(call: Call) -> Answer:
    return call.many([resource(call, row) for row in _of_path(call, "segment")])


def require(call: Call, tag_id: str) -> sqlite3.Row:
    return known("tag", tag_id, tag_store.get(call.sql, call.account, tag_id))


def resource(call: Call, row: sqlite3.Row) -> Document:
    path = f"/api/tags/{row['id']}"
    group = {**link(call, "tag-group", path, "tag-group"), "data": {"type": "tag-group", "id": row["tag_group"]}}
    return {
        "type": "tag",
        "id": row["id"],
        "attributes": call.query.sparse("tag", {"name": row["name"]}),
        "relationships": {"tag-group": group, **{f"{kind}s": link(call, kind, path, f"{kind}s") for kind in KINDS}},
        "links": {"self": call.address(path)},
    }


def _included(call: Call, rows: list[sqlite3.Row]) -> list[Document] | None:
    if "tag-group" not in call.query.include:
        return None
    groups = [tag_store.group(call.sql, call.account, one) for one in dict.fromkeys(row["tag_group"] for row in rows)]
    return [_group(call, one) for one in groups if one]


def _group(call: Call, row: sqlite3.Row) -> Document:
    path = f"/api/tag-groups/{row['id']}"
    attributes = {"name": row["name"], "exclusive": bool(row["exclusive"]), "default": bool(row["is_default"])}
    return {
        "type": "tag-group",
        "id": row["id"],
        "attributes": call.query.sparse("tag-group", attributes),
        "relationships": {"tags": link(call, "tag", path, "tags")},
        "links": {"self": call.address(path)},
    }


def _refuse_taken(call: Call, name: str, but_by: str | None = None) -> None:
    """Tags are unique in an account; with what status Klaviyo says so is not published."""
    if tag_store.by_name(call.sql, call.account, name) not in (None, but_by):
        raise Refusal(invalid(f"A tag with the name '{name}' already exists.", "/data/attributes/name"))


def _tag(call: Call, kind: str) -> Answer:
    row, named = _named(call, kind)
    for index, thing in enumerate(named):
        borne = {one["id"] for one in tag_store.of_thing(call.sql, kind, thing)}
        if row["id"] not in borne and len(borne) >= MOST_OF_ONE:
            detail = f"The {kind} {thing} may not have more than {MOST_OF_ONE} tags."
            raise Refusal(invalid(detail, f"/data/{index}/id"))
        tag_store.put(call.sql, row["id"], kind, thing)
    return Answer(204)


def _untag(call: Call, kind: str) -> Answer:
    row, named = _named(call, kind)
    for thing in named:
        tag_store.remove(call.sql, row["id"], kind, thing)
    return Answer(204)


def _named(call: Call, kind: str) -> tuple[sqlite3.Row, list[str]]:
    """The tag of the path and the things of the body, all of which the account has."""
    named = [one["id"] for one in call.parse(_THINGS[kind])["data"]]
    row = require(call, call.ids["id"])
    unknown = [one for one in named if not tag_store.exists(call.sql, call.account, kind, one)]
    if unknown:
        raise Refusal(*(_unknown(kind, one) for one in unknown))
    return row, named


def _unknown(kind: str, thing: str) -> Problem:
    return Problem(404, "not_found", "Not found.", f"A {kind} with id {thing} does not exist.")


def _things(call: Call, kind: str) -> Answer:
    row = require(call, call.ids["id"])
    return call.many([{"type": kind, "id": one} for one in tag_store.things(call.sql, row["id"], kind)])


def _of_path(call: Call, kind: str) -> list[sqlite3.Row]:
    thing = call.ids["id"]
    if not tag_store.exists(call.sql, call.account, kind, thing):
        raise Refusal(_unknown(kind, thing))
    return tag_store.of_thing(call.sql, kind, thing)
