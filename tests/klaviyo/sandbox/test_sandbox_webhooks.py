"""The operations on webhooks: made, changed, read and removed as Klaviyo does it, and refused as it would."""

from __future__ import annotations

from typing import Any

import pytest
from klaviyo_api import KlaviyoAPI

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client
from tests.klaviyo.sandbox.webhook_endpoint import EVERY, webhook


@pytest.fixture
def api(sandbox: Sandbox) -> Any:
    return KlaviyoAPI("", max_retries=1, test_host=sandbox.url, access_token=sandbox.connect(TEA_HOUSE).access_token)


def test_a_webhook_lives_from_creation_to_deletion(api: Any, sandbox: Sandbox) -> None:
    topic = "event:klaviyo.bounced_email"
    made = api.Webhooks.create_webhook(
        webhook("https://sorae.example/hook/9f", "bounced_email", description="x", name="A")
    )
    attributes = made.data.attributes
    assert (attributes.name, attributes.endpoint_url, attributes.enabled) == ("A", "https://sorae.example/*****", True)
    assert [one.id for one in made.data.relationships.webhook_topics.data] == [topic]
    change = {"data": {"type": "webhook", "id": made.data.id, "attributes": {"enabled": False, "description": None}}}
    changed = api.Webhooks.update_webhook(made.data.id, change).data.attributes
    assert (changed.enabled, changed.description) == (False, "x")
    read = api.Webhooks.get_webhook(made.data.id, include=["webhook-topics"])
    assert [one.id for one in read.included] == [topic]
    assert [one.id for one in api.Webhooks.get_webhooks().data] == [made.data.id]
    (seen,) = sandbox.webhooks(TEA_HOUSE)
    assert (seen.endpoint_url, seen.enabled, seen.topics) == ("https://sorae.example/hook/9f", False, (topic,))
    api.Webhooks.delete_webhook(made.data.id)
    assert sandbox.webhooks(TEA_HOUSE) == []


def test_topics_are_listed_and_read(api: Any) -> None:
    listed = {one.id for one in api.Webhooks.get_webhook_topics().data}
    assert {f"event:klaviyo.{one}" for one in EVERY} <= listed
    assert api.Webhooks.get_webhook_topic("event:klaviyo.bounced_email").data.id == "event:klaviyo.bounced_email"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"endpoint_url": "http://sorae.example/hook"}, "/data/attributes/endpoint_url"),
        ({"endpoint_url": "http://127.0.0.1.sorae.example/"}, "/data/attributes/endpoint_url"),
        ({"endpoint_url": "https://sorae.example:port/"}, "/data/attributes/endpoint_url"),
        ({"endpoint_url": "hook"}, "/data/attributes/endpoint_url"),
        ({"secret_key": "fifteen letters"}, "/data/attributes/secret_key"),
        ({"name": None}, "/data/attributes/name"),
        ({"enabled": True}, "/data/attributes/enabled"),
    ],
)
def test_a_webhook_that_does_not_fit_is_refused(
    client: Client, sandbox: Sandbox, changes: dict[str, Any], pointer: str
) -> None:
    body = webhook("https://sorae.example/hook", "bounced_email")
    body["data"]["attributes"] |= changes
    answer = client.send("POST", "/api/webhooks", body)
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (400, {"pointer": pointer})
    assert sandbox.webhooks(TEA_HOUSE) == []


def test_an_unknown_topic_is_named_by_its_place(client: Client) -> None:
    body = webhook("https://sorae.example/hook", "bounced_email", "ate_breakfast")
    answer = client.send("POST", "/api/webhooks", body)
    assert answer.json()["errors"][0]["source"] == {"pointer": "/data/relationships/webhook-topics/data/1/id"}
    del body["data"]["relationships"]
    assert client.send("POST", "/api/webhooks", body).status_code == 400


def test_webhooks_belong_to_their_account_and_need_their_scopes(client: Client, sandbox: Sandbox) -> None:
    body = webhook("https://sorae.example/hook", "bounced_email")
    made = client.send("POST", "/api/webhooks", body).json()["data"]["id"]
    theirs = Client(sandbox.url, sandbox.connect(NORDLYS).access_token)
    reading = Client(sandbox.url, sandbox.connect(TEA_HOUSE, "accounts:read webhooks:read").access_token)
    statuses = [
        theirs.send("GET", f"/api/webhooks/{made}").status_code,
        theirs.send("DELETE", f"/api/webhooks/{made}").status_code,
        reading.send("DELETE", f"/api/webhooks/{made}").status_code,
        reading.send("GET", f"/api/webhooks/{made}").status_code,
        client.send("GET", "/api/webhooks/7").status_code,
        client.send("GET", "/api/webhook-topics/event:klaviyo.ate_breakfast").status_code,
    ]
    assert statuses == [404, 404, 403, 200, 404, 404]


def test_calls_on_webhooks_are_limited_to_one_a_second(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings(limits=True)
    answers = [client.send("GET", "/api/webhooks") for _ in range(3)]
    assert 429 in [one.status_code for one in answers]
    assert answers[0].headers["RateLimit-Limit"] == "1, 1;w=1, 15;w=60"
