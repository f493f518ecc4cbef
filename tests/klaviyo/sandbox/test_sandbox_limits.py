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
