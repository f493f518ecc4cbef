"""Campaign message operations; a message's template is a private copy of the one that was assigned."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.protocol.calls import Answer, Call, Document, known, same_id
from klaviyo.sandbox.protocol.errors import Refusal, invalid
from klaviyo.sandbox.resources import campaign_message_reading as message_reading
from klaviyo.sandbox.resources import campaign_shapes as shapes
from klaviyo.sandbox.resources import campaigns, images, templates
from klaviyo.sandbox.resources.campaign_progress import DRAFT
from klaviyo.sandbox.state import campaign_store, template_store


def get_campaign_message(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    return call.one(message_reading.resource(call, row), included=_included(call, row))


def update_campaign_message(call: Call) -> Answer:
    """What is given of the definition replaces what was there, of its content and options member by member."""
    data = call.parse(shapes.UPDATE_MESSAGE)["data"]
    same_id(data["id"], call.ids["id"])
    row = require(call, data["id"])
    _refuse_sent(row)
    before = json.loads(row["definition"])
    definition = _merged(before, data["attributes"].get("definition") or {})
    image = campaigns.image_of(call, data) or row["image"]
    campaign_store.change_message(call.sql, row["id"], definition, image)
    return call.one(message_reading.resource(call, require(call, row["id"])))


def assign_template_to_campaign_message(call: Call) -> Answer:
    data = call.parse(shapes.ASSIGN_TEMPLATE)["data"]
    row = require(call, data["id"])
    template = templates.require(call, data["relationships"]["template"]["data"]["id"])
    _refuse_sent(row)
    if json.loads(row["definition"])["channel"] != "email":
        raise Refusal(invalid("Only messages of the email channel have a template.", "/data/id"))
    before = template_store.of_message(call.sql, row["id"])
    template_store.copy(call.sql, template, template["name"], row["id"])
    if before is not None:
        template_store.delete(call.sql, before["id"])
    return call.one(message_reading.flat_resource(call, row))


def require(call: Call, message_id: str) -> sqlite3.Row:
    return known("campaign message", message_id, campaign_store.message(call.sql, call.account, message_id))


def _refuse_sent(row: sqlite3.Row) -> None:
    if row["status"] != DRAFT:
        raise Refusal(campaigns.not_a_draft(row["status"]))


def _merged(before: Mapping[str, Any], said: Mapping[str, Any]) -> Document:
    for name in ("channel", "notification_type"):
        if said and name in before and said.get(name, before[name]) != before[name]:
            at = f"/data/attributes/definition/{name}"
            raise Refusal(invalid(f"A message's {name} cannot be changed.", at))
    merged = {**before, **said}
    for name in ("content", "options", "render_options"):
        if isinstance(before.get(name), dict) and isinstance(said.get(name), dict):
            merged[name] = {**before[name], **said[name]}
    return merged


def _included(call: Call, row: sqlite3.Row) -> list[Document] | None:
    asked = call.query.include
    if not asked:
        return None
    found: list[Document] = []
    if "campaign" in asked:
        found.append(campaigns.resource(call, campaigns.require(call, row["campaign"])))
    if "template" in asked and (template := template_store.of_message(call.sql, row["id"])):
        found.append(templates.resource(call, template))
    if "image" in asked and row["image"]:
        found.append(images.resource(call, images.require(call, row["image"])))
    return found
