"""What every account is told at once, how long answers take, and what all of it is counted as."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client, bulk_events, event
from tests.stopwatch import Stopwatch


def test_a_retired_revision_is_gone_for_everyone(client: Client, sandbox: Sandbox) -> None:
    other = Client(sandbox.url, sandbox.connect(NORDLYS).access_token)
    sandbox.settings(revision_sunset=True)
    answers = [one.send("GET", path) for one in (client, other) for path in ("/api/profiles", "/api/lists")]
    assert {one.status_code for one in answers} == {410}
    sandbox.settings(revision_sunset=False)
    assert client.send("GET", "/api/profiles").status_code == 200


@pytest.mark.parametrize("status", [400, 404, 410])
def test_an_operation_may_be_refused_to_everyone(client: Client, sandbox: Sandbox, status: int) -> None:
    sandbox.settings(refused={"create_event": status})
    answer = client.send("POST", "/api/events", event())
    source = {"pointer": "/data/"} if status == 404 else {}
    assert (answer.status_code, answer.json()["errors"][0]["source"]) == (status, source)
    assert client.send("GET", "/api/profiles").status_code == 200
    sandbox.settings(refused={"*": status})
    assert client.send("GET", "/api/profiles").status_code == status
    assert sandbox.events(TEA_HOUSE) == []


def test_a_refusal_has_a_status_that_refuses(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="A status in refused"):
        sandbox.settings(refused={"create_event": 202})


def test_answers_are_on_their_way_for_a_while_and_do_not_wait_for_each_other(sandbox: Sandbox) -> None:
    token = sandbox.connect(TEA_HOUSE).access_token
    sandbox.settings(latency_ms=300)

    def call(number: int) -> int:
        return Client(sandbox.url, token).send("POST", "/api/events", event(unique_id=f"c-{number}")).status_code

    began_at, watch = time.monotonic(), Stopwatch()
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(call, range(8))) == {202}
        assert watch.seconds() < 1.5
    assert time.monotonic() - began_at >= 0.3


def test_an_event_is_recorded_before_its_answer_travels(sandbox: Sandbox) -> None:
    token = sandbox.connect(TEA_HOUSE).access_token
    sandbox.settings(latency_ms=500)
    began_at = time.time()
    Client(sandbox.url, token).send("POST", "/api/events", event(unique_id="c-1"))
    ended_at = time.time()
    assert ended_at >= began_at + 0.5
    ((unique_id, arrived_at),) = sandbox.arrivals(TEA_HOUSE)
    assert unique_id == "c-1"
    assert began_at <= arrived_at <= ended_at - 0.5


def test_the_token_endpoint_may_be_slow_and_counts_its_calls(sandbox: Sandbox) -> None:
    tokens = sandbox.connect(TEA_HOUSE)
    sandbox.settings(token_seconds=0.2, rotate_refresh_tokens=True)
    auth = (sandbox.client_id, sandbox.client_secret)
    fields = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}

    def renew(_: int) -> int:
        return requests.post(f"{sandbox.url}/oauth/token", data=fields, auth=auth, timeout=300).status_code

    began_at, watch = time.monotonic(), Stopwatch()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(renew, range(10)))
        assert watch.seconds() < 2
    assert time.monotonic() - began_at >= 0.2
    # The first rotates; the second is reuse and ends the install.
    assert sorted(answers) == [200] + [400] * 9
    assert sandbox.counts()["oauth_token"] == {200: 1, 400: 9}


def test_answers_are_counted_by_operation_and_status(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("create_event", "429", 2)
    for number in range(3):
        client.send("POST", "/api/events", event(unique_id=f"c-{number}"))
    client.send("GET", "/api/profiles")
    assert sandbox.counts() == {"create_event": {429: 2, 202: 1}, "get_profiles": {200: 1}}
    sandbox.reset()
    assert sandbox.counts() == {}


def test_arrivals_are_of_the_first_time_an_event_came(client: Client, sandbox: Sandbox) -> None:
    client.send("POST", "/api/event-bulk-create-jobs", bulk_events(*(event(unique_id=f"c-{n}") for n in range(3))))
    before = sandbox.arrivals(TEA_HOUSE)
    client.send("POST", "/api/events", event(unique_id="c-1"))
    assert [one for one, _ in before] == ["c-0", "c-1", "c-2"]
    assert sandbox.arrivals(TEA_HOUSE) == before
    assert sandbox.arrivals(NORDLYS) == []
