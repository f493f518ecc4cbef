"""Template operations."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, same_id
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.filters import EXACT, RANGE, Column, Where, moment
from klaviyo.sandbox.resources import template_shapes as shapes
from klaviyo.sandbox.resources.template_rendering import rendered
from klaviyo.sandbox.state import flow_store, template_store

MOST = 1000

_AT = "/data/attributes"
_EMPTY_PAGE = "<!DOCTYPE html><html><body></body></html>"
_CREATED, _UPDATED = (f"substr(t.{name}, 1, 19) || '+00:00'" for name in ("created", "updated"))
_FILTERS = {
    "id": Column("t.id", EXACT),
    "name": Column("t.name", EXACT | {"contains"}),
    "created": Column(_CREATED, RANGE | {"equals"}, moment),
    "updated": Column(_UPDATED, RANGE | {"equals"}, moment),
}
_SORTS = {"": "''", "created": "t.created", "id": "t.id", "name": "t.name", "updated": "t.updated"}


def get_templates(call: Call) -> Answer:
    where = Where(("t.account = ?", "t.message IS NULL"), (call.account,))
    page = call.page(Listing("SELECT t.* FROM templates t", where, "t.seq", _SORTS, "", _FILTERS))
    return call.many([resource(call, row) for row in page.rows], page)


def get_template(call: Call) -> Answer:
    return call.one(resource(call, require(call, call.ids["id"])))


def create_template(call: Call) -> Answer:
    attributes = call.parse(shapes.CREATE)["data"]["attributes"]
    _check_editor(attributes["editor_type"], attributes, is_new=True)
    _refuse_too_many(call)
    html = attributes.get("html") or _EMPTY_PAGE
    made = template_store.create(call.sql, call.account, {**attributes, "html": html})
    return call.one(resource(call, require(call, made)), 201)


def update_template(call: Call) -> Answer:
    data = call.parse(shapes.UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = require(call, data["id"])
    _check_editor(row["editor_type"], data["attributes"], is_new=False)
    template_store.change(call.sql, row["id"], data["attributes"])
    return call.one(resource(call, require(call, row["id"])))


def delete_template(call: Call) -> Answer:
    """A template in use is refused with `conflict`: https://developers.klaviyo.com/en/reference/delete_template"""
    row = require(call, call.ids["id"])
    user = "campaign" if row["message"] else "flow" if flow_store.uses(call.sql, call.account, row["id"]) else ""
    if user:
        detail = f"The template is in use by a {user} message."
        raise Refusal(Problem(409, "conflict", "Conflict.", detail, pointer="/data/id"))
    template_store.delete(call.sql, row["id"])
    return Answer(204)


def render_template(call: Call) -> Answer:
    data = call.parse(shapes.RENDER)["data"]
    row = require(call, data["id"])
    context = data["attributes"]["context"]
    return call.one(resource(call, row, {name: rendered(row[name], context) for name in ("html", "text", "amp")}), 201)


def clone_template(call: Call) -> Answer:
    data = call.parse(shapes.CLONE)["data"]
    row = require(call, data["id"])
    _refuse_too_many(call)
    name = data["attributes"].get("name") or f"Clone of {row['name']}"
    return call.one(resource(call, require(call, template_store.copy(call.sql, row, name))), 201)


def require(call: Call, template_id: str) -> sqlite3.Row:
    return known("template", template_id, template_store.get(call.sql, call.account, template_id))


def resource(call: Call, row: sqlite3.Row, texts: Mapping[str, Any] | None = None) -> Document:
    attributes = {name: row[name] for name in ("name", "editor_type", "html", "text", "amp")} | dict(texts or {})
    attributes |= {name: call.moment(row[name]) for name in ("created", "updated")}
    if "definition" in call.query.additional("template"):
        attributes["definition"] = json.loads(row["definition"]) if row["definition"] else None
    return {
        "type": "template",
        "id": row["id"],
        "attributes": call.query.sparse("template", attributes),
        "links": {"self": call.address(f"/api/templates/{row['id']}")},
    }


def _check_editor(editor: str, attributes: Mapping[str, Any], *, is_new: bool) -> None:
    """What a template is made of depends on the editor that it is for."""
    is_dragged = editor == shapes.DRAGGED
    needed, unfit = ("definition", ("html", "amp")) if is_dragged else ("html", ("definition",))
    wrong = [
        invalid(f"'{name}' is not allowed for {editor} templates.", f"{_AT}/{name}")
        for name in unfit
        if attributes.get(name) is not None
    ]
    if is_new and not attributes.get(needed):
        wrong.append(invalid(f"'{needed}' is required for {editor} templates.", f"{_AT}/{needed}"))
    if wrong:
        raise Refusal(*wrong)


def _refuse_too_many(call: Call) -> None:
    if template_store.count(call.sql, call.account) >= MOST:
        raise Refusal(invalid(f"An account may have at most {MOST:,} templates made by API.", "/data"))
