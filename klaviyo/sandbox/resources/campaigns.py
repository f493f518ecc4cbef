"""Campaign operations."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.protocol import filter_language
from klaviyo.sandbox.protocol.calls import Answer, Call, Document, Listing, known, link, same_id
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.filter_language import wrong
from klaviyo.sandbox.protocol.filters import RANGE, Column, Where, boolean, moment, one_of
from klaviyo.sandbox.resources import bearings, campaign_progress, images
from klaviyo.sandbox.resources import campaign_message_reading as message_reading
from klaviyo.sandbox.resources import campaign_shapes as shapes
from klaviyo.sandbox.resources.campaign_progress import DRAFT, STATUSES
from klaviyo.sandbox.state import campaign_store, template_store

_AT = "/data/attributes"
_REPLACED = ("name", "send_strategy", "send_options", "tracking_options")


def _at(name: str) -> str:
    return f"substr(c.{name}, 1, 19) || '+00:00'"


_FILTERS = {
    "id": Column("c.id", frozenset({"any"})),
    "messages.channel": Column("c.channel", frozenset({"equals"}), one_of(*shapes.CHANNELS)),
    "name": Column("c.name", frozenset({"contains"})),
    "status": Column("c.status", frozenset({"any", "equals"}), one_of(*STATUSES)),
    "archived": Column("c.archived", frozenset({"equals"}), boolean),
    "created_at": Column(_at("created_at"), RANGE, moment),
    "scheduled_at": Column(_at("scheduled_at"), RANGE, moment),
    "updated_at": Column(_at("updated_at"), RANGE, moment),
}
_SORTS = {
    "": "''",
    "created_at": "c.created_at",
    "id": "c.id",
    "name": "c.name",
    "scheduled_at": "c.scheduled_at",
    "updated_at": "c.updated_at",
}


def get_campaigns(call: Call) -> Answer:
    asked = filter_language.parse(call.query.filter) if call.query.filter else []
    if not any(condition.field == "messages.channel" for condition in asked):
        raise wrong("A channel filter is required to list campaigns: equals(messages.channel,'email').")
    campaign_progress.go_on(call)
    where = Where(("c.account = ?",), (call.account,))
    page = call.page(Listing("SELECT c.* FROM campaigns c", where, "c.seq", _SORTS, "", _FILTERS))
    return call.many([resource(call, row) for row in page.rows], page, _included(call, page.rows))


def get_campaign(call: Call) -> Answer:
    row = require(call, call.ids["id"])
    return call.one(resource(call, row), included=_included(call, [row]))


def create_campaign(call: Call) -> Answer:
    attributes = call.parse(shapes.CREATE)["data"]["attributes"]
    told = attributes["campaign-messages"]["data"]
    channel = _channel(told)
    audiences = _audiences(call, attributes["audiences"], {})
    given = {**attributes, "audiences": audiences}
    made = campaign_store.create(call.sql, call.account, channel, {**given, **_settled(channel, given)})
    for one in told:
        definition = message_reading.complete(one["attributes"]["definition"])
        campaign_store.add_message(call.sql, made, definition, image_of(call, one))
    return call.one(resource(call, require(call, made)), 201)


def update_campaign(call: Call) -> Answer:
    data = call.parse(shapes.UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = require(call, data["id"])
    if row["status"] != DRAFT:
        raise Refusal(not_a_draft(row["status"]))
    attributes = data["attributes"]
    said = {name: attributes[name] for name in _REPLACED if attributes.get(name) is not None}
    if "audiences" in attributes:
        said["audiences"] = _audiences(call, attributes["audiences"], json.loads(row["audiences"]))
    settled = _settled(row["channel"], said)
    campaign_store.change(call.sql, row["id"], **{name: settled.get(name, value) for name, value in said.items()})
    return call.one(resource(call, require(call, row["id"])))


def delete_campaign(call: Call) -> Answer:
    """One that is on its way is cancelled first; which error says so is not published."""
    row = require(call, call.ids["id"])
    if row["begins_at"] is not None:
        detail = "A campaign that is scheduled or being sent cannot be deleted."
        raise Refusal(Problem(409, "conflict", "Conflict.", detail, pointer="/data/id"))
    campaign_store.delete(call.sql, row["id"])
    return Answer(204)


def create_campaign_clone(call: Call) -> Answer:
    """A draft with everything that the original has, its messages' templates too."""
    data = call.parse(shapes.CLONE)["data"]
    row = require(call, data["id"])
    attributes = {name: json.loads(row[name]) for name in campaign_store.JSON}
    name = data["attributes"].get("new_name") or f"Copy of {row['name']}"
    made = campaign_store.create(call.sql, call.account, row["channel"], {**attributes, "name": name})
    for message in campaign_store.messages(call.sql, row["id"]):
        copy = campaign_store.add_message(call.sql, made, json.loads(message["definition"]), message["image"])
        if template := template_store.of_message(call.sql, message["id"]):
            template_store.copy(call.sql, template, template["name"], copy)
    return call.one(resource(call, require(call, made)), 201)


def require(call: Call, campaign_id: str) -> sqlite3.Row:
    campaign_progress.go_on(call)
    return known("campaign", campaign_id, campaign_store.get(call.sql, call.account, campaign_id))


def not_a_draft(status: str) -> Problem:
    return invalid(f"Only a draft can be changed; this campaign is {status}.", "/data/id")


def image_of(call: Call, told: Mapping[str, Any]) -> str | None:
    image = (told.get("relationships") or {}).get("image")
    if image is None:
        return None
    images.require(call, image["data"]["id"])
    return str(image["data"]["id"])


def resource(call: Call, row: sqlite3.Row) -> Document:
    attributes: dict[str, Any] = {
        "name": row["name"],
        "status": row["status"],
        "archived": bool(row["archived"]),
        **{name: json.loads(row[name]) for name in campaign_store.JSON if name != "recipients"},
        "created_at": call.moment(row["created_at"]),
        "scheduled_at": row["scheduled_at"],
        "updated_at": call.moment(row["updated_at"]),
        "send_time": row["send_time"],
    }
    path = f"/api/campaigns/{row['id']}"
    messages = [one["id"] for one in campaign_store.messages(call.sql, row["id"])]
    return {
        "type": "campaign",
        "id": row["id"],
        "attributes": call.query.sparse("campaign", attributes),
        "relationships": {
            "campaign-messages": link(call, "campaign-message", path, "campaign-messages", messages),
            **bearings.tags_of(call, "campaign", row["id"]),
        },
        "links": {"self": call.address(path)},
    }


def _included(call: Call, rows: list[sqlite3.Row]) -> list[Document] | None:
    asked = call.query.include
    if not asked:
        return None
    messages = (one for row in rows for one in campaign_store.messages(call.sql, row["id"]))
    shown = [message_reading.resource(call, one) for one in messages] if "campaign-messages" in asked else []
    return [*shown, *(bearings.included(call, "campaign", (row["id"] for row in rows)) or ())]


def _channel(told: list[Any]) -> str:
    """The one channel of all of a campaign's messages."""
    channels = [one["attributes"]["definition"]["channel"] for one in told]
    wrong_ones = [
        invalid(
            "All messages of a campaign have the same channel.",
            f"{_AT}/campaign-messages/data/{index}/attributes/definition/channel",
        )
        for index, channel in enumerate(channels)
        if channel != channels[0]
    ]
    if wrong_ones:
        raise Refusal(*wrong_ones)
    return str(channels[0])


def _audiences(call: Call, told: Mapping[str, Any], before: Mapping[str, Any]) -> Document:
    """The lists and segments that are named; what is left out stays as it was."""
    audiences = {
        name: told[name] if told.get(name) is not None else before.get(name, []) for name in ("included", "excluded")
    }
    unknown = campaign_store.unknown_audiences(
        call.sql, call.account, [one for ids in audiences.values() for one in ids]
    )
    wrong_ones = [
        invalid(f"'{one}' is no list or segment of this account.", f"{_AT}/audiences/{name}/{index}")
        for name, ids in audiences.items()
        for index, one in enumerate(ids)
        if one in unknown
    ]
    if wrong_ones:
        raise Refusal(*wrong_ones)
    return audiences


def _settled(channel: str, told: Mapping[str, Any]) -> Document:
    """The options with their defaults; those of an account about tracking are these."""
    strategy = dict(told.get("send_strategy") or {"method": "immediate"})
    if strategy["method"] == "static":
        strategy["options"] = {"is_local": False, **(strategy.get("options") or {})}
    tracking = {"add_tracking_params": False, "custom_tracking_params": []}
    if channel == "email":
        tracking |= {"is_tracking_clicks": True, "is_tracking_opens": True}
    given = told.get("tracking_options") or {}
    unfit = [name for name in given if name not in tracking]
    if unfit:
        detail = f"A campaign of the channel {channel} does not track this."
        raise Refusal(*[invalid(detail, f"{_AT}/tracking_options/{name}") for name in unfit])
    tracking |= {name: value for name, value in given.items() if value is not None}
    smart = (told.get("send_options") or {}).get("use_smart_sending")
    return {
        "send_strategy": strategy,
        "send_options": {"use_smart_sending": True if smart is None else smart},
        "tracking_options": tracking,
    }
