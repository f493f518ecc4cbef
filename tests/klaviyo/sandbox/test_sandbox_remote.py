"""A sandbox elsewhere is asked by the same names and answers the same."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from klaviyo.sandbox import Remote, Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, event
from tests.klaviyo.sandbox.test_sandbox_restart import put_campaign
from tests.klaviyo.sandbox.webhook_endpoint import webhook

OF_ITS_OWN = {"start", "stop", "url"}


@pytest.fixture
def remote(sandbox: Sandbox) -> Iterator[Remote]:
    made = Remote(sandbox.url)
    yield made
    made.close()


def asked(kind: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(one)
        for name, one in vars(kind).items()
        if not name.startswith("_") and name not in OF_ITS_OWN | {"close"} and callable(one)
    }


def test_both_can_be_asked_the_same() -> None:
    assert asked(Remote) == asked(Sandbox)


def test_what_is_put_there_from_afar_is_there(sandbox: Sandbox, remote: Remote) -> None:
    assert remote.put_lists(TEA_HOUSE, [SeedList("Newsletter", "NwsLtr")]) == ["NwsLtr"]
    remote.put_profiles(
        TEA_HOUSE, [SeedProfile("ann@tea.test", consent="SUBSCRIBED", suppressions=["HARD_BOUNCE"], lists=["NwsLtr"])]
    )
    client = Client(sandbox.url, remote.connect(TEA_HOUSE).access_token)
    client.send("POST", "/api/events", event(unique_id="c-1", value=1.5))
    client.send("POST", "/api/webhooks", webhook("https://sorae.example/hook", "bounced_email"))
    assert remote.flip(TEA_HOUSE, "ann@tea.test", "unsubscribed").consent == "UNSUBSCRIBED"
    assert remote.accounts() == sandbox.accounts()
    assert remote.events(TEA_HOUSE, "Sorae Conversion") == sandbox.events(TEA_HOUSE)
    assert remote.events(TEA_HOUSE, "Another") == []
    assert remote.arrivals(TEA_HOUSE) == sandbox.arrivals(TEA_HOUSE)
    assert remote.profiles(TEA_HOUSE) == sandbox.profiles(TEA_HOUSE)
    assert remote.profile(TEA_HOUSE, "ann@tea.test") == sandbox.profile(TEA_HOUSE, "ann@tea.test")
    assert remote.profile(TEA_HOUSE, "nobody+else@tea.test") is None
    assert remote.lists(TEA_HOUSE) == sandbox.lists(TEA_HOUSE)
    assert remote.webhooks(TEA_HOUSE) == sandbox.webhooks(TEA_HOUSE)
    assert remote.deliveries(TEA_HOUSE) == sandbox.deliveries(TEA_HOUSE)
    put_campaign(client)
    assert remote.templates(TEA_HOUSE) == sandbox.templates(TEA_HOUSE) != []
    assert remote.campaigns(TEA_HOUSE) == sandbox.campaigns(TEA_HOUSE) != []
    assert remote.images(TEA_HOUSE) == sandbox.images(TEA_HOUSE) != []
    assert remote.coupon_codes(TEA_HOUSE) == sandbox.coupon_codes(TEA_HOUSE) != []
    assert remote.counts() == sandbox.counts()
    assert remote.requests("create_event") == sandbox.requests("create_event")
    assert remote.wait_for_webhooks(5)


def test_its_moods_are_made_from_afar(sandbox: Sandbox, remote: Remote) -> None:
    told = remote.fault("bulk_create_events", "accept_and_lose", 2, items=3, seed=7, account=TEA_HOUSE)
    assert [told] == remote.faults() == sandbox.faults()
    remote.clear_faults()
    assert sandbox.faults() == []
    changed = remote.settings(
        latency_ms=1,
        malformed=["c-1"],
        refused={"get_lists": 410},
        import_seconds=2,
        campaign_seconds=3,
        app_scopes=["events:write"],
    )
    assert changed == sandbox.settings()
    assert changed.malformed == ("c-1",)
    remote.reset()
    assert sandbox.settings().refused == {}


def test_connections_end_from_afar(sandbox: Sandbox, remote: Remote) -> None:
    client = Client(sandbox.url, remote.connect(TEA_HOUSE, "accounts:read").access_token)
    assert client.send("GET", "/api/accounts").status_code == 200
    remote.expire_tokens(TEA_HOUSE)
    assert client.send("GET", "/api/accounts").status_code == 401
    remote.uninstall(TEA_HOUSE)
    assert remote.accounts()[0].installs == 0
    assert remote.confirm(TEA_HOUSE, "ann@tea.test") is False
    assert remote.redeliver(TEA_HOUSE) == 0


def test_a_mistake_is_told(remote: Remote) -> None:
    with pytest.raises(ValueError, match="There is no account NoSuch"):
        remote.events("NoSuch")
    with pytest.raises(ValueError, match="one of"):
        remote.fault("create_event", "earthquake")
    with pytest.raises(ValueError, match="A status in refused"):
        remote.settings(refused={"create_event": 202})
