"""Webhook operations."""

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from klaviyo.sandbox.http import addresses
from klaviyo.sandbox.protocol.calls import Answer, Call, Document, same_id
from klaviyo.sandbox.protocol.errors import Problem, Refusal, invalid
from klaviyo.sandbox.protocol.validation import Boolean, Items, Members, Shape, Text
from klaviyo.sandbox.resources import topics
from klaviyo.sandbox.state import webhooks

_TYPE = Text(choices=("webhook",))
_AT = "/data/relationships/webhook-topics/data"
_TOPIC = Members({"type": Text(choices=("webhook-topic",)), "id": Text()})


def _topics(*, required: bool) -> Members:
    named: dict[str, Shape] = {"webhook-topics": Members({"data": Items(_TOPIC, fewest=1)})}
    return Members(named) if required else Members(optional=named)


def _attributes(*, nullable: bool) -> dict[str, Shape]:
    return {
        "name": Text(nullable=nullable, shortest=1, longest=255),
        "endpoint_url": Text(nullable=nullable, longest=2048, form=addresses.endpoint),
        "secret_key": Text(nullable=nullable, shortest=16, longest=255),
    }


_CREATE = Members(
    {
        "data": Members(
            {
                "type": _TYPE,
                "attributes": Members(_attributes(nullable=False), {"description": Text(nullable=True)}),
                "relationships": _topics(required=True),
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
                    optional={
                        **_attributes(nullable=True),
                        "description": Text(nullable=True),
                        "enabled": Boolean(nullable=True),
                    }
                ),
            },
            {"relationships": _topics(required=False)},
        )
    }
)


def get_webhooks(call: Call) -> Answer:
    rows = webhooks.of_account(call.sql, call.account)
    return call.many([_resource(call, row) for row in rows], included=_included(call, rows))


def get_webhook(call: Call) -> Answer:
    row = _require(call, call.ids["id"])
    return call.one(_resource(call, row), included=_included(call, [row]))


def create_webhook(call: Call) -> Answer:
    data = call.parse(_CREATE)["data"]
    named = _named(data["relationships"])
    made = webhooks.create(call.sql, call.account, data["attributes"], named or ())
    return call.one(_resource(call, _require(call, made)), 201)


def update_webhook(call: Call) -> Answer:
    data = call.parse(_UPDATE)["data"]
    same_id(data["id"], call.ids["id"])
    row = _require(call, data["id"])
    webhooks.change(call.sql, row["id"], data["attributes"], _named(data.get("relationships") or {}))
    return call.one(_resource(call, _require(call, row["id"])))


def delete_webhook(call: Call) -> Answer:
    webhooks.delete(call.sql, _require(call, call.ids["id"])["id"])
    return Answer(204)


def _named(relationships: Mapping[str, Any]) -> list[str] | None:
    """The topics that a request names, each once; Refusal when one of them is none of this account's."""
    if "webhook-topics" not in relationships:
        return None
    named = [one["id"] for one in relationships["webhook-topics"]["data"]]
    wrong = [
        invalid(f"'{topic}' is not a topic of this account.", f"{_AT}/{index}/id")
        for index, topic in enumerate(named)
        if topic not in topics.ALL
    ]
    if wrong:
        raise Refusal(*wrong)
    return list(dict.fromkeys(named))


def _require(call: Call, webhook_id: str) -> sqlite3.Row:
    row = webhooks.get(call.sql, call.account, webhook_id)
    if row is None:
        raise Refusal(Problem(404, "not_found", "Not found.", "Not found."))
    return row


def _resource(call: Call, row: sqlite3.Row) -> Document:
    attributes = {
        "name": row["name"],
        "description": row["description"],
        "endpoint_url": addresses.masked(row["endpoint_url"]),
        "secret_key": addresses.HIDDEN,
        "enabled": bool(row["enabled"]),
        "created_at": row["created"],
        "updated_at": row["updated"],
    }
    path = f"/api/webhooks/{row['id']}"
    named = {"data": [{"type": "webhook-topic", "id": topic} for topic in json.loads(row["topics"])]}
    return {
        "type": "webhook",
        "id": row["id"],
        "attributes": call.query.sparse("webhook", attributes),
        "relationships": {"webhook-topics": named},
        "links": {"self": call.address(path)},
    }


def _included(call: Call, rows: list[sqlite3.Row]) -> list[Document] | None:
    if "webhook-topics" not in call.query.include:
        return None
    named = dict.fromkeys(topic for row in rows for topic in json.loads(row["topics"]))
    return [topics.resource(call, one) for one in named]
