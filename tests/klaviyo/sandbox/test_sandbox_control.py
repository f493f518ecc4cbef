"""The control API says and does over HTTP what the object says and does in a test."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from klaviyo.sandbox import Exchange, Sandbox, SeedList, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client, event


def control(sandbox: Sandbox, method: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(method, f"{sandbox.url}/sandbox/{path}", json=body, timeout=300)


def test_people_and_lists_are_put_there_and_seen(sandbox: Sandbox) -> None:
    lists = {"lists": [{"name": "Newsletter", "id": "NwsLtr"}, {"name": "VIP", "opt_in_process": "double_opt_in"}]}
    assert control(sandbox, "PUT", f"accounts/{TEA_HOUSE}/lists", lists).json()["ids"][0] == "NwsLtr"
    people = [
        {"email": f"p{number}@tea.test", "consent": "SUBSCRIBED", "lists": ["NwsLtr"], "properties": {"n": number}}
        for number in range(1000)
    ]
    people[7]["suppressions"] = ["HARD_BOUNCE"]
    assert len(control(sandbox, "PUT", f"accounts/{TEA_HOUSE}/profiles", {"profiles": people}).json()["ids"]) == 1000
    seen = control(sandbox, "GET", f"accounts/{TEA_HOUSE}/profiles").json()["profiles"]
    assert (seen[7]["can_receive"], seen[8]["can_receive"], seen[8]["lists"]) == (False, True, ["NwsLtr"])
    assert len(control(sandbox, "GET", f"accounts/{TEA_HOUSE}/lists").json()["lists"][0]["members"]) == 1000
    assert control(sandbox, "GET", "state").json()["accounts"][0]["profiles"] == 1000


def test_putting_a_person_again_changes_them(sandbox: Sandbox) -> None:
    first = sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test", consent="SUBSCRIBED")])
    again = sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ANN@tea.test", consent="UNSUBSCRIBED", first_name="Ann")])
    assert first == again
    assert sandbox.profiles(TEA_HOUSE)[0].consent == "UNSUBSCRIBED"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", f"accounts/{TEA_HOUSE}/profiles", {"profiles": [{"e-mail": "ann@tea.test"}]}),
        ("PUT", f"accounts/{TEA_HOUSE}/profiles", {"profiles": [{"email": "ann@tea.test", "lists": ["NoList"]}]}),
        ("PUT", f"accounts/{TEA_HOUSE}/lists", {"lists": [{"name": "x", "id": "Taken1"}]}),
        ("POST", "faults", {"operation": "create_event", "kind": "earthquake"}),
        ("PUT", "settings", {"speed": 9}),
        ("GET", "accounts/Nobody/events", None),
        ("GET", "nothing", None),
    ],
)
def test_a_control_call_that_does_not_fit_is_refused(sandbox: Sandbox, method: str, path: str, body: Any) -> None:
    sandbox.put_lists(NORDLYS, [SeedList("Theirs", "Taken1")])
    assert control(sandbox, method, path, body).status_code in (400, 404)


def test_events_are_seen_with_how_often_they_came(client: Client, sandbox: Sandbox) -> None:
    for _ in range(3):
        client.send("POST", "/api/events", event(unique_id="c-1", value=5, time="2026-11-20T10:00:00Z"))
    seen = control(sandbox, "GET", f"accounts/{TEA_HOUSE}/events?metric=Sorae Conversion").json()["events"][0]
    assert (seen["email"], seen["unique_id"], seen["received"]) == ("ann@tea.test", "c-1", 3)
    assert (seen["time"], seen["value"]) == ("2026-11-20T10:00:00+00:00", 5.0)


def test_a_script_of_faults_connections_and_ends(sandbox: Sandbox) -> None:
    tokens = control(sandbox, "POST", f"accounts/{TEA_HOUSE}/connect", {"scope": "accounts:read"}).json()
    client = Client(sandbox.url, tokens["access_token"])
    control(sandbox, "POST", "faults", {"operation": "get_accounts", "kind": "500"})
    assert client.send("GET", "/api/accounts").status_code == 500
    assert control(sandbox, "GET", "faults").json()["faults"][0]["happened"] == 1
    assert control(sandbox, "DELETE", "faults").status_code == 200
    assert client.send("GET", "/api/accounts").status_code == 200
    assert control(sandbox, "POST", f"accounts/{TEA_HOUSE}/expire-tokens").json() == {"expired": 1}
    assert client.send("GET", "/api/accounts").status_code == 401
    assert control(sandbox, "POST", f"accounts/{TEA_HOUSE}/uninstall").json() == {"installs": 1}
    log = control(sandbox, "GET", "requests?operation=get_accounts").json()["requests"]
    assert [one["status"] for one in log] == [500, 200, 401]


def test_settings_are_turned_and_a_reset_turns_them_back(sandbox: Sandbox) -> None:
    control(sandbox, "PUT", "settings", {"event_delay": 5, "app_scopes": ["profiles:read"]})
    assert sandbox.settings().app_scopes == ("profiles:read",)
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile("ann@tea.test")])
    sandbox.fault("*", "500")
    assert control(sandbox, "POST", "reset").status_code == 200
    assert (sandbox.settings().event_delay, sandbox.profiles(TEA_HOUSE), sandbox.faults()) == (0.0, [], [])
    assert [one.id for one in sandbox.accounts()] == [TEA_HOUSE, NORDLYS, "Rb3WdN"]


def test_an_observer_sees_every_exchange_and_no_credential() -> None:
    exchanges: list[Exchange] = []
    with Sandbox(observer=exchanges.append) as sandbox:
        client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
        client.send("POST", "/api/events", event(unique_id="c-1"))
        client.send("GET", "/api/nothing")
    sent, lost = exchanges
    assert (sent.operation, sent.status, sent.account) == ("create_event", 202, TEA_HOUSE)
    assert sent.json["data"]["attributes"]["unique_id"] == "c-1"
    assert "authorization" not in sent.headers
    assert client.token not in repr(exchanges)
    assert (lost.operation, lost.status) == (None, 404)


def test_what_an_observer_complains_of_comes_out_at_the_end() -> None:
    def complain(exchange: Exchange) -> None:
        raise AssertionError(f"{exchange.operation} was sent")

    sandbox = Sandbox(observer=complain).start()
    client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token)
    assert client.send("GET", "/api/accounts").status_code == 200
    with pytest.raises(AssertionError, match="get_accounts was sent"):
        sandbox.stop()
