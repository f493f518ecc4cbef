"""Webhooks are told of every change of consent: signed, in order, again after a failure, never in a request."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client
from tests.klaviyo.sandbox.test_sandbox_consent import SUBSCRIBE, SUPPRESS, UNSUBSCRIBE, UNSUPPRESS, said, suppression
from tests.klaviyo.sandbox.webhook_endpoint import EVERY, SECRET, Endpoint, endpoint, is_signed, webhook
from tests.stopwatch import Stopwatch

ANN = "ann@tea.test"


@pytest.fixture
def hook() -> Iterator[Endpoint]:
    with endpoint() as listening:
        yield listening


@pytest.fixture
def ears(hook: Endpoint, client: Client, sandbox: Sandbox) -> Endpoint:
    """The endpoint, told of everything; Ann is subscribed."""
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN, consent="SUBSCRIBED")])
    assert client.send("POST", "/api/webhooks", webhook(hook.url, *EVERY)).status_code == 201
    return hook


def test_what_the_api_changes_is_told_signed_and_in_order(client: Client, sandbox: Sandbox, ears: Endpoint) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")])
    for path, body in (
        (UNSUBSCRIBE, said("delete", "UNSUBSCRIBED", ANN)),
        (SUBSCRIBE, said("create", "SUBSCRIBED", ANN, "NwsLtr")),
        (UNSUBSCRIBE, said("delete", "UNSUBSCRIBED", ANN, "NwsLtr")),
        (SUPPRESS, suppression("create", ANN)),
        (SUPPRESS, suppression("create", ANN)),
        (UNSUPPRESS, suppression("delete", ANN)),
    ):
        assert client.send("POST", path, body).status_code == 202
    assert sandbox.wait_for_webhooks()
    expected = [
        "unsubscribed_from_email_marketing",
        "subscribed_to_email_marketing",
        "subscribed_to_list",
        "unsubscribed_from_list",
        "manually_suppressed_from_email_marketing",
        "manually_unsuppressed_from_email_marketing",
    ]
    assert ears.told == [(one, ANN) for one in expected]
    assert {one.state for one in sandbox.deliveries(TEA_HOUSE)} == {"delivered"}


def test_a_body_is_an_event_as_it_is_read_one_by_one(sandbox: Sandbox, ears: Endpoint) -> None:
    sandbox.flip(TEA_HOUSE, ANN, "unsubscribed")
    assert sandbox.wait_for_webhooks()
    (body,), (headers,) = ears.bodies, ears.headers
    (hook,) = sandbox.webhooks(TEA_HOUSE)
    assert (headers["Klaviyo-Webhook-Id"], len(headers["Klaviyo-Signature"])) == (hook.id, 64)
    assert not is_signed(b"{}", headers, SECRET)
    meta = body["meta"]
    assert (meta["klaviyo_webhook_id"], meta["klaviyo_account_id"]) == (hook.id, TEA_HOUSE)
    assert set(meta) == {"klaviyo_webhook_id", "klaviyo_account_id", "timestamp", "version"}
    event = body["data"][0]["payload"]["data"]
    profile = sandbox.profile(TEA_HOUSE, ANN)
    assert profile
    assert (event["type"], event["relationships"]["profile"]["data"]["id"]) == ("event", profile.id)
    assert set(event["attributes"]) == {"timestamp", "event_properties", "datetime", "uuid"}
    assert abs(event["attributes"]["timestamp"] - time.time()) < 60
    assert body["data"][0]["external_id"] == event["id"]


def test_a_body_may_hold_nothing_but_the_persons_id(sandbox: Sandbox, ears: Endpoint) -> None:
    sandbox.settings(webhook_profiles="id_only")
    sandbox.flip(TEA_HOUSE, ANN, "spam")
    assert sandbox.wait_for_webhooks()
    assert "included" not in ears.bodies[0]["data"][0]["payload"]
    assert ANN not in str(ears.bodies)


def test_a_confirming_click_is_told_and_the_asking_is_not(client: Client, sandbox: Sandbox, ears: Endpoint) -> None:
    sandbox.put_lists(TEA_HOUSE, [SeedList("Newsletter", "DblOpt", "double_opt_in")])
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ben@tea.test")])
    client.send("POST", SUBSCRIBE, said("create", "SUBSCRIBED", "ben@tea.test", "DblOpt"))
    assert sandbox.wait_for_webhooks()
    assert ears.told == []
    assert sandbox.confirm(TEA_HOUSE, "ben@tea.test")
    assert sandbox.wait_for_webhooks()
    assert ears.told == [
        ("subscribed_to_email_marketing", "ben@tea.test"),
        ("subscribed_to_list", "ben@tea.test"),
    ]


def test_only_enabled_webhooks_of_the_account_and_the_topic_are_told(
    client: Client, sandbox: Sandbox, hook: Endpoint
) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN)])
    theirs = Client(sandbox.url, sandbox.connect(NORDLYS).access_token)
    theirs.send("POST", "/api/webhooks", webhook(hook.url, "bounced_email"))
    client.send("POST", "/api/webhooks", webhook(hook.url, "marked_email_as_spam"))
    made = client.send("POST", "/api/webhooks", webhook(hook.url, "bounced_email")).json()["data"]["id"]
    change = {"data": {"type": "webhook", "id": made, "attributes": {"enabled": False}}}
    assert client.send("PATCH", f"/api/webhooks/{made}", change).status_code == 200
    sandbox.flip(TEA_HOUSE, ANN, "bounced")
    assert sandbox.wait_for_webhooks()
    assert hook.told == []
    assert sandbox.deliveries(TEA_HOUSE) == []


def test_nothing_is_told_of_people_who_are_put_there_or_of_a_refused_call(
    client: Client, sandbox: Sandbox, ears: Endpoint
) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN, consent="UNSUBSCRIBED", suppressions=["HARD_BOUNCE"])])
    assert client.send("POST", SUBSCRIBE, said("create", "SUBSCRIBED", ANN, "NoList")).status_code == 404
    assert sandbox.wait_for_webhooks()
    assert ears.told == []


def test_a_failing_endpoint_is_tried_again_with_the_same_ids_and_then_given_up(
    sandbox: Sandbox, ears: Endpoint
) -> None:
    ears.answers = [500, 302]
    sandbox.flip(TEA_HOUSE, ANN, "spam")
    assert sandbox.wait_for_webhooks()
    assert len(ears.bodies) == 3
    assert len({tuple(one) for one in ears.ids}) == 1
    ears.answers = [500] * 9
    sandbox.flip(TEA_HOUSE, ANN, "bounced")
    assert sandbox.wait_for_webhooks()
    assert len(ears.bodies) == 3 + 4
    assert [(one.state, one.attempts) for one in sandbox.deliveries(TEA_HOUSE)] == [("delivered", 3), ("given_up", 4)]


def test_an_endpoint_that_is_not_there_is_given_up(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN)])
    with endpoint() as gone:
        client.send("POST", "/api/webhooks", webhook(gone.url, "bounced_email"))
    sandbox.flip(TEA_HOUSE, ANN, "bounced")
    assert sandbox.wait_for_webhooks()
    assert [one.state for one in sandbox.deliveries(TEA_HOUSE)] == ["given_up"]


def test_what_changes_while_deliveries_lag_goes_in_one_body(sandbox: Sandbox, ears: Endpoint) -> None:
    sandbox.settings(webhook_delay=3600)
    sandbox.flip(TEA_HOUSE, ANN, "unsubscribed")
    sandbox.flip(TEA_HOUSE, ANN, "subscribed")
    assert not sandbox.wait_for_webhooks(0.2)
    sandbox.settings(webhook_delay=0)
    assert sandbox.wait_for_webhooks()
    assert [len(one) for one in ears.ids] == [2]


def test_the_last_body_is_told_again_on_request(sandbox: Sandbox, ears: Endpoint) -> None:
    assert sandbox.redeliver(TEA_HOUSE) == 0
    for to in ("spam", "bounced"):
        sandbox.flip(TEA_HOUSE, ANN, to)
        assert sandbox.wait_for_webhooks()
    assert sandbox.redeliver(TEA_HOUSE) == 1
    assert sandbox.wait_for_webhooks()
    assert len(ears.ids) == 3
    assert ears.ids[1] == ears.ids[2]


def test_a_request_does_not_wait_for_an_endpoint_and_neither_does_the_end(hook: Endpoint) -> None:
    hook.hold = threading.Event()
    sandbox = Sandbox(limits=False).start()
    client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN)])
    client.send("POST", "/api/webhooks", webhook(hook.url, "unsubscribed_from_email_marketing"))
    watch = Stopwatch()
    assert client.send("POST", UNSUBSCRIBE, said("delete", "UNSUBSCRIBED", ANN)).status_code == 202
    assert not sandbox.wait_for_webhooks(0.3)
    client.session.close()
    sandbox.stop()
    assert watch.seconds() < 2


def test_what_was_not_told_is_told_after_a_restart(tmp_path: Path, hook: Endpoint) -> None:
    state = tmp_path / "sandbox.sqlite3"
    with Sandbox(state) as sandbox:
        client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
        client.send("POST", "/api/webhooks", webhook(hook.url, "bounced_email"))
        sandbox.put_profiles(TEA_HOUSE, [SeedProfile(ANN)])
        sandbox.settings(webhook_delay=3600)
        sandbox.flip(TEA_HOUSE, ANN, "bounced")
    with Sandbox(state) as sandbox:
        assert sandbox.wait_for_webhooks()
    assert hook.told == [("bounced_email", ANN)]


def test_a_reset_forgets_webhooks_and_what_waits(sandbox: Sandbox, ears: Endpoint) -> None:
    sandbox.settings(webhook_delay=3600)
    sandbox.flip(TEA_HOUSE, ANN, "bounced")
    sandbox.reset()
    assert sandbox.wait_for_webhooks()
    assert (ears.told, sandbox.webhooks(TEA_HOUSE), sandbox.settings().webhook_delay) == ([], [], 0.0)
