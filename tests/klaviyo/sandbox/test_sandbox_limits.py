"""Fixed windows per account and operation; a 429 has Retry-After and nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
import time_machine

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as traveller:
        yield traveller


@pytest.fixture
def limited(clock: time_machine.Traveller) -> Iterator[Client]:
    with Sandbox() as sandbox, requests.Session() as session:
        sandbox.settings(aligned_windows=True)
        yield Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token, session)


def statuses(client: Client, path: str, times: int) -> list[int]:
    return [client.send("GET", path).status_code for _ in range(times)]


def test_the_second_call_of_a_second_is_refused_and_the_next_second_is_free(
    limited: Client, clock: time_machine.Traveller
) -> None:
    assert statuses(limited, "/api/accounts", 1) == [200]
    refused = limited.send("GET", "/api/accounts")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert "RateLimit-Limit" not in refused.headers
    assert refused.json()["errors"][0]["code"] == "throttled"
    clock.shift(1)
    assert statuses(limited, "/api/accounts", 1) == [200]


def test_the_minute_is_counted_too(limited: Client, clock: time_machine.Traveller) -> None:
    for _ in range(15):
        assert statuses(limited, "/api/accounts", 1) == [200]
        clock.shift(1)
    refused = limited.send("GET", "/api/accounts")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "45")


def test_a_day_is_counted_where_there_is_a_daily_limit(limited: Client, clock: time_machine.Traveller) -> None:
    body = {"data": {"type": "list", "attributes": {"name": "One of many"}}}
    for _ in range(150):
        assert limited.send("POST", "/api/lists", body).status_code == 201
        clock.shift(1)
    refused = limited.send("POST", "/api/lists", body)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 3600


def test_operations_and_accounts_have_counters_of_their_own(limited: Client) -> None:
    assert statuses(limited, "/api/accounts", 2) == [200, 429]
    assert statuses(limited, f"/api/accounts/{TEA_HOUSE}", 1) == [200]


def test_what_a_parameter_makes_expensive_spends_from_both_limits(limited: Client) -> None:
    made = limited.upsert(email="ann@tea.test").json()["data"]["id"]
    assert statuses(limited, f"/api/profiles/{made}?include=lists", 2) == [200, 429]
    assert statuses(limited, f"/api/profiles/{made}", 2) == [200, 200]


def test_remaining_follows_the_burst_window(limited: Client) -> None:
    left = [limited.send("GET", "/api/profiles").headers["RateLimit-Remaining"] for _ in range(2)]
    assert left == ["74", "73"]


def test_one_accounts_calls_are_not_anothers(clock: time_machine.Traveller) -> None:
    with Sandbox() as sandbox:
        answers = [
            Client(sandbox.url, sandbox.connect(account).access_token).send("GET", "/api/accounts").status_code
            for account in (TEA_HOUSE, NORDLYS)
        ]
    assert answers == [200, 200]


def test_windows_begin_when_nobody_expects_it(clock: time_machine.Traveller) -> None:
    waits = set()
    for _ in range(12):
        with Sandbox() as sandbox, requests.Session() as session:
            client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token, session)
            for _ in range(15):
                client.send("GET", "/api/accounts")
                clock.shift(1)
            waits.add(minutes_wait(client, clock))
    assert len(waits) > 3


def minutes_wait(client: Client, clock: time_machine.Traveller) -> int:
    """How long the next call has to wait for its minute; 0 when the minute has just begun."""
    for _ in range(16):
        answer = client.send("GET", "/api/accounts")
        clock.shift(1)
        if answer.status_code == 429 and int(answer.headers["Retry-After"]) > 1:
            return int(answer.headers["Retry-After"])
    return 0


def test_a_window_of_its_own_is_as_long_as_any(clock: time_machine.Traveller) -> None:
    with Sandbox() as sandbox, requests.Session() as session:
        client = Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token, session)
        passed = 0
        for _ in range(240):
            passed += client.send("GET", "/api/accounts").status_code == 200
            clock.shift(1)
    # Four whole minutes of any phase touch five windows at most.
    assert 60 <= passed <= 75
    assert sandbox.counts()["get_accounts"] == {200: passed, 429: 240 - passed}


def test_only_other_answers_tell_what_is_left(limited: Client) -> None:
    taken = limited.send("GET", "/api/accounts").headers
    refused = limited.send("GET", "/api/accounts").headers
    names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "Retry-After")
    assert [taken.get(name) for name in names] == ["1, 1;w=1, 15;w=60", "0", "0", None]
    assert [refused.get(name) for name in names] == [None, None, None, "1"]
