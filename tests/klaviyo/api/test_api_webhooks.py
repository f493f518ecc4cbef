"""Webhooks through the API: made with a secret, listed, deleted; what cannot be read is no answer."""

from typing import Any

import pytest

from integrations import pacing
from integrations.errors import PermanentError, TemporaryError
from integrations.models import Connection
from klaviyo.api import webhooks
from klaviyo.api.client import Client
from klaviyo.consent import topics
from klaviyo.sandbox import Sandbox
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import TEA

ENDPOINT = "https://sorae.example/hooks/klaviyo"
ODD: list[Any] = [{"data": None}, {"data": "x"}, {"data": [None]}, {"data": [{"id": 5}]}, {"data": [{"id": "../x"}]}]


@pytest.fixture
def client(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Client:
    """It does not wait between calls, which Klaviyo counts by the second."""
    monkeypatch.setattr(pacing, "take_all", lambda *_, **__: None)
    return Client(connection)


def test_a_webhook_is_made_listed_and_deleted(sandbox: Sandbox, client: Client) -> None:
    assert set(topics.WANTED) <= set(webhooks.topics(client))
    id = webhooks.create(client, "Sorae", "Tells Sorae.", ENDPOINT, "s" * 43, [topics.UNSUBSCRIBED, topics.SPAM])
    [made] = sandbox.webhooks(TEA)
    assert (made.id, made.endpoint_url, made.enabled) == (id, ENDPOINT, True)
    assert made.topics == (topics.UNSUBSCRIBED, topics.SPAM)
    assert webhooks.all_of(client) == [webhooks.Webhook(id, "Sorae", True)]
    webhooks.delete(client, id)
    webhooks.delete(client, id)
    assert sandbox.webhooks(TEA) == []


def test_a_topic_that_the_account_does_not_have_is_refused(client: Client) -> None:
    with pytest.raises(PermanentError):
        webhooks.create(client, "Sorae", "Tells Sorae.", ENDPOINT, "s" * 43, ["event:klaviyo.unheard_of"])


@pytest.mark.parametrize("answer", ODD, ids=str)
def test_an_odd_answer_is_not_taken_for_none(client: Client, spoil: Spoil, answer: dict[str, Any]) -> None:
    spoil("get_webhooks", lambda _: answer)
    with pytest.raises(TemporaryError):
        webhooks.all_of(client)
    spoil("create_webhook", lambda _: answer)
    with pytest.raises(TemporaryError):
        webhooks.create(client, "Sorae", "Tells Sorae.", ENDPOINT, "s" * 43, [topics.SPAM])


def test_what_can_be_no_id_is_not_deleted(sandbox: Sandbox, client: Client) -> None:
    with pytest.raises(PermanentError):
        webhooks.delete(client, "../lists/abc")
    assert not [entry for entry in sandbox.requests() if entry.method == "DELETE"]
