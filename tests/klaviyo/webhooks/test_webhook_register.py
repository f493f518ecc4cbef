"""Each account has exactly one webhook of ours, however often and by however many it is seen to."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from integrations import connections, pacing
from integrations.encryption import Sealed
from integrations.models import Connection
from klaviyo.api import webhooks
from klaviyo.api.client import Client
from klaviyo.consent import topics
from klaviyo.models import ConsentWatch
from klaviyo.sandbox import Sandbox
from klaviyo.webhooks import register, turns
from tests.conftest import Connect
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import TEA

WITHOUT_WEBHOOKS = "accounts:read profiles:read profiles:write events:read events:write lists:read lists:write"


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own counting of calls by the second is not what is tested here."""
    monkeypatch.setattr(pacing, "take_all", lambda *_, **__: None)


def look(*, after: timedelta = timedelta()) -> ConsentWatch:
    """What a beat does, as if so much time had gone by."""
    ConsentWatch.objects.update(next_look_at=None)
    for watch in ConsentWatch.objects.exclude(checked_at=None):
        ConsentWatch.objects.filter(pk=watch.pk).update(checked_at=watch.checked_at and watch.checked_at - after)
    turns.take_all()
    return ConsentWatch.objects.select_related("connection").get()


def make(connection: Connection, name: str) -> str:
    return webhooks.create(Client(connection), name, "", "https://sorae.example/x", "s" * 40, [topics.SPAM])


OURS = register.name_of("http://localhost:8000/hooks/klaviyo")


def test_a_connected_account_gets_a_webhook_with_the_topics_it_has(sandbox: Sandbox, connection: Connection) -> None:
    watch = look()
    [webhook] = sandbox.webhooks(TEA)
    assert watch.webhook_id == webhook.id
    assert webhook.endpoint_url == f"http://localhost:8000{reverse('klaviyo_hook')}"
    assert webhook.topics == tuple(watch.topics) == topics.WANTED
    assert (len(watch.secret) >= 32, watch.problem) == (True, "")
    assert watch.secret not in str(ConsentWatch.objects.values().get())


def test_topics_that_the_account_lacks_are_not_asked_for(
    sandbox: Sandbox, connection: Connection, spoil: Spoil
) -> None:
    few = [{"type": "webhook-topic", "id": topic} for topic in (topics.SPAM, topics.UNSUBSCRIBED, "event:shop.x")]
    spoil("get_webhook_topics", lambda _: {"data": few})
    assert look().topics == [topics.UNSUBSCRIBED, topics.SPAM]
    spoil("get_webhook_topics", lambda document: document)
    assert look(after=timedelta(days=2)).topics == list(topics.WANTED)
    assert len(sandbox.webhooks(TEA)) == 1


def test_it_is_made_once_and_looked_for_once_a_day(sandbox: Sandbox, connection: Connection) -> None:
    first = look()
    for _ in range(3):
        assert look().webhook_id == first.webhook_id
    assert len(sandbox.requests("get_webhooks")) == 1
    assert look(after=timedelta(hours=25)).webhook_id == first.webhook_id
    assert len(sandbox.requests("get_webhooks")) == 2
    assert len(sandbox.requests("create_webhook")) == 1


def test_many_workers_make_one_webhook(sandbox: Sandbox, connection: Connection) -> None:
    def work() -> None:
        try:
            turns.take_all()
        finally:
            database.close()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    [webhook] = sandbox.webhooks(TEA)
    assert ConsentWatch.objects.get().webhook_id == webhook.id


def test_who_was_overtaken_deletes_what_it_made(
    sandbox: Sandbox, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = webhooks.create

    def slowly(*said: Any) -> str:
        id = create(*said)
        ConsentWatch.objects.update(webhook_id="01JD0000000000000000000003")
        return id

    monkeypatch.setattr(webhooks, "create", slowly)
    assert look().webhook_id == "01JD0000000000000000000003"
    assert sandbox.webhooks(TEA) == []


def test_what_a_dead_worker_made_is_deleted_and_those_of_others_are_left(
    sandbox: Sandbox, connection: Connection
) -> None:
    orphan, other = make(connection, OURS), make(connection, "Sorae consent of another installation")
    watch = look()
    ids = {webhook.id for webhook in sandbox.webhooks(TEA)}
    assert ids == {other, watch.webhook_id}
    assert orphan not in ids


def test_an_answer_that_was_lost_makes_no_second_webhook(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.fault("create_webhook", "lost", count=1)
    assert look().webhook_id == ""
    watch = look()
    assert [webhook.id for webhook in sandbox.webhooks(TEA)] == [watch.webhook_id]


def test_a_webhook_that_is_gone_is_made_again_within_a_day(sandbox: Sandbox, connection: Connection) -> None:
    first = look().webhook_id
    webhooks.delete(Client(connection), first)
    second = look(after=timedelta(hours=25)).webhook_id
    assert [webhook.id for webhook in sandbox.webhooks(TEA)] == [second] != [first]


def test_a_secret_that_cannot_be_opened_any_more_is_made_anew(sandbox: Sandbox, connection: Connection) -> None:
    first = look().webhook_id
    ConsentWatch.objects.update(secret=Sealed("v1.gone.bm9uY2U.Y2lwaGVy"))
    watch = look(after=timedelta(hours=25))
    assert len(watch.secret) >= 32
    assert [webhook.id for webhook in sandbox.webhooks(TEA)] == [watch.webhook_id] != [first]


def test_a_site_that_has_moved_gets_its_webhook_at_the_new_address(
    sandbox: Sandbox, connection: Connection, settings: Settings
) -> None:
    look()
    settings.SITE_URL = "https://sorae.example"
    watch = look(after=timedelta(hours=25))
    [webhook] = sandbox.webhooks(TEA)
    assert (webhook.id, webhook.endpoint_url) == (watch.webhook_id, "https://sorae.example/hooks/klaviyo")


def test_an_account_that_does_not_allow_it_says_why_and_is_asked_for_again_when_it_does(
    sandbox: Sandbox, connect: Connect
) -> None:
    connect(scope=WITHOUT_WEBHOOKS)
    watch = look()
    assert "webhooks:read and webhooks:write" in watch.problem
    assert not sandbox.requests("get_webhooks")
    connect()
    watch = look()
    assert (watch.problem, [webhook.id for webhook in sandbox.webhooks(TEA)]) == ("", [watch.webhook_id])


def test_a_refusal_is_written_down_and_tried_again_the_next_day(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.fault("create_webhook", "missing_scope", count=1)
    watch = look()
    assert (watch.webhook_id, "webhook" in watch.problem) == ("", True)
    look()
    assert len(sandbox.requests("create_webhook")) == 1
    watch = look(after=timedelta(hours=25))
    assert (bool(watch.webhook_id), watch.problem) == (True, "")


@pytest.mark.parametrize("kind", ["500", "429"])
def test_what_passes_by_itself_is_tried_again_within_a_minute(
    sandbox: Sandbox, connection: Connection, kind: str
) -> None:
    sandbox.fault("create_webhook", kind, count=1)
    assert (look().webhook_id, look().webhook_id != "") == ("", True)


@pytest.mark.parametrize(
    ("ours", "is_made"),
    [
        ("http://sorae.example", False),
        ("http://10.0.0.5:8000", False),
        ("http://localhost:8000", True),
        ("https://sorae.example", True),
    ],
)
def test_klaviyo_is_given_no_address_that_it_cannot_reach(
    sandbox: Sandbox, connection: Connection, settings: Settings, ours: str, is_made: bool
) -> None:
    settings.SITE_URL = ours
    watch = look()
    assert bool(watch.webhook_id) == bool(sandbox.webhooks(TEA)) == is_made
    assert ("SITE_URL" in watch.problem) != is_made


def test_a_disconnected_account_is_left_alone(sandbox: Sandbox, connection: Connection, operator: User) -> None:
    look()
    connections.disconnect(connection, operator)
    asked = len(sandbox.requests())
    look(after=timedelta(days=3))
    assert len(sandbox.requests()) == asked


def test_an_account_that_is_connected_anew_is_seen_to_at_once(
    sandbox: Sandbox, connection: Connection, connect: Connect, operator: User
) -> None:
    first = look().webhook_id
    webhooks.delete(Client(connection), first)
    connections.disconnect(connection, operator)
    connect()
    watch = look()
    assert [webhook.id for webhook in sandbox.webhooks(TEA)] == [watch.webhook_id] != [first]


def test_a_dead_workers_turn_ends(sandbox: Sandbox, connection: Connection) -> None:
    ConsentWatch.objects.create(connection=connection, next_look_at=timezone.now() + turns.ROTA.lease)
    assert turns.take_all() == 0
    ConsentWatch.objects.update(next_look_at=timezone.now() - timedelta(seconds=1))
    assert turns.take_all() == 1
    assert turns.take_all() == 0
