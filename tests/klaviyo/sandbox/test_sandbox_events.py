"""Events: accepted at once, stored once, refused whole when one of them is wrong."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import time_machine

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, bulk_events, event

DEEP: dict[str, Any] = {}
_inner = DEEP
for _ in range(12):
    _inner["x"] = {}
    _inner = _inner["x"]


def pointers(answer: Any) -> set[str]:
    return {one["source"]["pointer"] for one in answer.json()["errors"]}


def test_the_same_event_again_is_accepted_and_counted_but_not_stored(client: Client, sandbox: Sandbox) -> None:
    first = client.send("POST", "/api/events", event(unique_id="c-1", properties={"order": "1"}))
    again = client.send("POST", "/api/events", event(unique_id="c-1", properties={"order": "2"}))
    assert (first.status_code, first.content, again.status_code) == (202, b"", 202)
    (stored,) = sandbox.events(TEA_HOUSE)
    assert (stored.unique_id, stored.properties, stored.received) == ("c-1", {"order": "1"}, 2)


def test_many_at_once_make_one_person_and_one_event(client: Client, sandbox: Sandbox) -> None:
    def send(_: int) -> int:
        with requests.Session() as session:
            return (
                Client(client.url, client.token, session).send("POST", "/api/events", event(unique_id="c")).status_code
            )

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(40))) == {202}
    assert len(sandbox.profiles(TEA_HOUSE)) == 1
    assert [one.received for one in sandbox.events(TEA_HOUSE)] == [40]


def test_without_a_unique_id_one_event_a_second_is_kept(client: Client, sandbox: Sandbox) -> None:
    for time in ("2026-11-20T10:00:00.100Z", "2026-11-20T10:00:00.900Z", "2026-11-20T12:00:01+02:00"):
        client.send("POST", "/api/events", event(time=time))
    assert [one.received for one in sandbox.events(TEA_HOUSE)] == [2, 1]


def test_an_event_makes_an_unknown_person_and_never_a_subscriber(client: Client, sandbox: Sandbox) -> None:
    client.send("POST", "/api/events", event("ben@tea.test"))
    ben = sandbox.profile(TEA_HOUSE, "ben@tea.test")
    assert ben
    assert ben.consent == "NEVER_SUBSCRIBED"


def test_nothing_values_at_the_top_are_not_kept_but_false_is(client: Client, sandbox: Sandbox) -> None:
    told = {"zero": 0, "none": None, "empty": "", "no": False, "text": "0", "inner": {"zero": 0}}
    client.send("POST", "/api/events", event(properties=told))
    assert sandbox.events(TEA_HOUSE)[0].properties == {"no": False, "text": "0", "inner": {"zero": 0}}


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"properties": None}, "/data/attributes/properties"),
        ({"properties": {f"p{number}": 1 for number in range(401)}}, "/data/attributes/properties"),
        ({"properties": {"long": "x" * 103_000}}, "/data/attributes/properties/long"),
        ({"properties": {"many": [1] * 4001}}, "/data/attributes/properties/many"),
        ({"properties": DEEP}, "/data/attributes/properties/x/x/x/x/x/x/x/x/x/x"),
        ({"time": "yesterday"}, "/data/attributes/time"),
        ({"time": "1999-12-31T00:00:00Z"}, "/data/attributes/time"),
        ({"time": "2028-01-01T00:00:00Z"}, "/data/attributes/time"),
        ({"unique_id": ""}, "/data/attributes/unique_id"),
        ({"unique_id": "x" * 256}, "/data/attributes/unique_id"),
        ({"value": "9.99"}, "/data/attributes/value"),
        ({"value": True}, "/data/attributes/value"),
        ({"value": 10**400}, "/data/attributes/value"),
        ({"backfill": "yes"}, "/data/attributes/backfill"),
        ({"price": 1}, "/data/attributes/price"),
    ],
)
def test_an_event_that_does_not_fit_is_refused_with_its_pointer(
    client: Client, sandbox: Sandbox, changes: dict[str, Any], where: str
) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z"):
        client.token = sandbox.connect(TEA_HOUSE).access_token
        answer = client.send("POST", "/api/events", event(**changes))
    assert answer.status_code == 400
    assert where in pointers(answer)
    assert sandbox.events(TEA_HOUSE) == []


@pytest.mark.parametrize("metric", ["", "m" * 128])
def test_a_metric_name_has_1_to_127_characters(client: Client, metric: str) -> None:
    answer = client.send("POST", "/api/events", event(metric=metric))
    assert pointers(answer) == {"/data/attributes/metric/data/attributes/name"}


def test_an_event_of_nobody_is_refused(client: Client) -> None:
    body = event()
    body["data"]["attributes"]["profile"]["data"]["attributes"] = {"first_name": "Ann"}
    assert pointers(client.send("POST", "/api/events", body)) == {"/data/attributes/profile/data/attributes"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_refused(client: Client, number: str) -> None:
    body = json.dumps(event(properties={"price": "?"})).replace('"?"', number)
    assert client.send("POST", "/api/events", body.encode()).status_code == 400


def test_one_bad_event_of_many_refuses_them_all_and_is_pointed_at(client: Client, sandbox: Sandbox) -> None:
    body = bulk_events(event(unique_id="c-1"), event("bad", unique_id="c-2"), event(unique_id="c-3", value="1"))
    answer = client.send("POST", "/api/event-bulk-create-jobs", body)
    root = "/data/attributes/events-bulk-create/data"
    assert pointers(answer) == {
        f"{root}/1/attributes/profile/data/attributes/email",
        f"{root}/2/attributes/events/data/0/attributes/value",
    }
    assert sandbox.events(TEA_HOUSE) == []


def test_an_event_repeated_inside_a_request_refuses_all_of_it(client: Client, sandbox: Sandbox) -> None:
    body = bulk_events(event(unique_id="c-1"), event("ANN@tea.test", unique_id="c-1"), event(unique_id="c-2"))
    assert client.send("POST", "/api/event-bulk-create-jobs", body).status_code == 400
    assert sandbox.events(TEA_HOUSE) == []


def test_a_thousand_events_are_taken_and_one_more_is_not(client: Client, sandbox: Sandbox) -> None:
    thousand = [event(f"p{number}@tea.test", unique_id=str(number)) for number in range(1000)]
    assert client.send("POST", "/api/event-bulk-create-jobs", bulk_events(*thousand, event())).status_code == 400
    assert client.send("POST", "/api/event-bulk-create-jobs", bulk_events(*thousand)).status_code == 202
    assert len(sandbox.events(TEA_HOUSE)) == 1000


def test_events_are_read_back_newest_first_and_filtered(client: Client) -> None:
    for day in (1, 2, 3):
        client.send("POST", "/api/events", event(time=f"2026-11-0{day}T00:00:00Z", unique_id=f"c-{day}", value=day))
    client.send("POST", "/api/events", event("ben@tea.test", "Sorae Invite Sent", time="2026-11-02T12:00:00Z"))
    everything = client.get("/api/events")["data"]
    assert everything[0]["attributes"]["event_properties"]["$event_id"] == "c-3"
    filters = "greater-or-equal(datetime,2026-11-02T00:00:00Z),less-than(datetime,2026-11-03T00:00:00Z)"
    assert len(client.get(f"/api/events?filter={filters}")["data"]) == 2
    profile = everything[0]["relationships"]["profile"]["data"]["id"]
    mine = client.get(f'/api/events?filter=equals(profile_id,"{profile}"),has(metric)&sort=datetime')["data"]
    assert [one["attributes"]["event_properties"]["$value"] for one in mine] == [1, 2, 3]


def test_events_can_be_made_readable_only_after_a_while(client: Client, sandbox: Sandbox) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        client.token = sandbox.connect(TEA_HOUSE).access_token
        sandbox.settings(event_delay=30)
        client.send("POST", "/api/events", event())
        assert client.get("/api/events")["data"] == []
        clock.shift(31)
        assert len(client.get("/api/events")["data"]) == 1
