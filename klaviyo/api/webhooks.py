"""Webhooks API: the account's webhook topics, and webhooks listed, made and deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from integrations.errors import PermanentError
from klaviyo.api import answers, ids
from klaviyo.api.answers import Unreadable, members, words
from klaviyo.api.client import Client
from klaviyo.api.operation import Operation

READ, WRITE = "webhooks:read", "webhooks:write"
GET_WEBHOOK_TOPICS = Operation("get_webhook_topics", "GET /api/webhook-topics", READ, 1, 15)
GET_WEBHOOKS = Operation("get_webhooks", "GET /api/webhooks", READ, 1, 15)
CREATE_WEBHOOK = Operation("create_webhook", "POST /api/webhooks", WRITE, 1, 15, success=(201,), needs_body=True)
DELETE_WEBHOOK = Operation("delete_webhook", "DELETE /api/webhooks/{id}", WRITE, 1, 15, success=(204,))


@dataclass(frozen=True)
class Webhook:
    """A webhook of the account; Klaviyo shows the host of its address alone, and no secret (not published)."""

    id: str
    name: str
    is_enabled: bool


def topics(client: Client) -> list[str]:
    """What the account can tell of; each id is to be given back as it is."""
    return [words(item.get("id")) for item in _items(client.call(GET_WEBHOOK_TOPICS).data) if words(item.get("id"))]


def all_of(client: Client) -> list[Webhook]:
    """Every webhook of the account, also those of others."""
    return [_webhook(item) for item in _items(client.call(GET_WEBHOOKS).data)]


def create(client: Client, name: str, description: str, endpoint: str, secret: str, topics: Sequence[str]) -> str:
    """Have the account post to `endpoint` (https), signed with `secret`; the new webhook's id.

    https://developers.klaviyo.com/en/reference/create_webhook
    """
    told = [{"type": "webhook-topic", "id": topic} for topic in topics]
    attributes = {"name": name, "description": description, "endpoint_url": endpoint, "secret_key": secret}
    relationships = {"webhook-topics": {"data": told}}
    body = {"data": {"type": "webhook", "attributes": attributes, "relationships": relationships}}
    return _webhook(members(client.call(CREATE_WEBHOOK, body=body).data)).id


def delete(client: Client, id: str) -> None:
    """Be told nothing more by it. One that is gone already is as good."""
    try:
        client.call(DELETE_WEBHOOK, path={"id": ids.checked(id)})
    except PermanentError as error:
        if not answers.is_missing(error, "webhook", "not found."):  # the second is what it said when it was seen
            raise


def _items(data: Any) -> list[dict[str, Any]]:
    if not isinstance(data, list):
        raise Unreadable("webhooks")
    return [members(item) for item in data]


def _webhook(item: dict[str, Any]) -> Webhook:
    attributes, id = members(item.get("attributes")), words(item.get("id"))
    if not ids.is_one(id):
        raise Unreadable("webhooks")
    return Webhook(id, words(attributes.get("name")), attributes.get("enabled") is not False)
