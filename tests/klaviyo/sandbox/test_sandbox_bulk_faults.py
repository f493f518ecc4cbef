"""Bad days of bulk jobs: what is lost, what is refused as a whole, and what is said of it."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, bulk_events, event, profile

EVENTS = "/api/event-bulk-create-jobs"
PROFILES = "/api/profile-bulk-import-jobs"


def several(number: int) -> dict[str, Any]:
    return bulk_events(*(event(f"{index}@tea.test", unique_id=f"c-{index}") for index in range(number)))


def people(*addresses: str) -> dict[str, Any]:
    listed = [profile(email=one)["data"] for one in addresses]
    return {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {"data": listed}}}}


def recorded(sandbox: Sandbox) -> list[str]:
    return [one.unique_id for one in sandbox.events(TEA_HOUSE)]


def pointers(answer: requests.Response) -> list[Any]:
    assert answer.status_code == 400, answer.text
    return [one["source"].get("pointer") for one in answer.json()["errors"]]


def test_a_lost_event_was_accepted_and_is_nowhere(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("create_event", "accept_and_lose")
    answers = [client.send("POST", "/api/events", event(unique_id=one)) for one in ("c-1", "c-2")]
    assert [(one.status_code, one.content) for one in answers] == [(202, b""), (202, b"")]
    assert recorded(sandbox) == ["c-2"]


def test_a_bulk_job_may_lose_all_of_its_events(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("bulk_create_events", "accept_and_lose")
    assert client.send("POST", EVENTS, several(3)).status_code == 202
    assert (recorded(sandbox), sandbox.profiles(TEA_HOUSE)) == ([], [])


def test_a_bulk_job_may_lose_the_first_few(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("bulk_create_events", "accept_and_lose", items=2)
    assert client.send("POST", EVENTS, several(5)).status_code == 202
    assert recorded(sandbox) == ["c-2", "c-3", "c-4"]


def test_with_a_seed_it_loses_the_same_others_every_time(client: Client, sandbox: Sandbox) -> None:
    kept = []
    for _ in range(2):
        sandbox.reset()
        client.token = sandbox.connect(TEA_HOUSE).access_token
        sandbox.fault("bulk_create_events", "accept_and_lose", items=3, seed=7)
        client.send("POST", EVENTS, several(20))
        kept.append(recorded(sandbox))
    assert kept[0] == kept[1]
    assert len(kept[0]) == 17
    assert kept[0] != [f"c-{index}" for index in range(3, 20)]


@pytest.mark.parametrize(
    ("operation", "path", "body"),
    [
        ("bulk_create_events", EVENTS, several(2)),
        ("bulk_import_profiles", PROFILES, people("0@tea.test", "1@tea.test")),
    ],
)
def test_a_bulk_job_is_done_and_nobody_hears_of_it(
    client: Client, sandbox: Sandbox, operation: str, path: str, body: Any
) -> None:
    sandbox.fault(operation, "accept_then_drop")
    with pytest.raises(requests.ConnectionError):
        client.send("POST", path, body)
    assert [one.email for one in sandbox.profiles(TEA_HOUSE)] == ["0@tea.test", "1@tea.test"]


def test_one_event_that_klaviyo_finds_malformed_refuses_all_and_is_pointed_at(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings(malformed=("c-1",))
    at = "/data/attributes/events-bulk-create/data/1/attributes/events/data/0/attributes/time"
    assert pointers(client.send("POST", EVENTS, several(3))) == [at]
    assert pointers(client.send("POST", "/api/events", event(unique_id="c-1"))) == ["/data/attributes/time"]
    assert recorded(sandbox) == []


def test_one_address_that_klaviyo_finds_malformed_refuses_all_and_is_pointed_at(
    client: Client, sandbox: Sandbox
) -> None:
    sandbox.settings(malformed=("ben@tea.test",))
    at = "/data/attributes/profiles/data/1/attributes/email"
    assert pointers(client.send("POST", PROFILES, people("ann@tea.test", "ben@tea.test"))) == [at]
    assert pointers(client.send("POST", PROFILES, people("ann@tea.test", "no address"))) == [at]
    assert sandbox.profiles(TEA_HOUSE) == []


def test_a_refusal_may_point_nowhere(client: Client, sandbox: Sandbox) -> None:
    sandbox.settings(malformed=("c-1",))
    sandbox.fault("bulk_create_events", "no_pointer", 2)
    assert pointers(client.send("POST", EVENTS, several(2))) == [None]
    assert client.send("POST", EVENTS, several(1)).status_code == 202
    assert pointers(client.send("POST", EVENTS, several(2))) != [None]


def test_what_was_recorded_before_is_passed_over_or_refuses_all(client: Client, sandbox: Sandbox) -> None:
    assert client.send("POST", EVENTS, several(2)).status_code == 202
    assert client.send("POST", EVENTS, several(2)).status_code == 202
    sandbox.settings(bulk_refuses_known_ids=True)
    at = "/data/attributes/events-bulk-create/data/{}/attributes/events/data/0/attributes/unique_id"
    assert pointers(client.send("POST", EVENTS, several(3))) == [at.format(0), at.format(1)]
    assert recorded(sandbox) == ["c-0", "c-1"]
    assert client.send("POST", EVENTS, bulk_events(event("2@tea.test", unique_id="c-2"))).status_code == 202
    assert client.send("POST", "/api/events", event("0@tea.test", unique_id="c-0")).status_code == 202
    assert [one.received for one in sandbox.events(TEA_HOUSE)] == [3, 2, 1]
