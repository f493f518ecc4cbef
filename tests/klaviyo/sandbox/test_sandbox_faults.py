"""Bad days on request: each happens as often as asked, where asked, and then no more."""

from __future__ import annotations

import time

import pytest
import requests

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client, event


def test_a_fault_happens_so_many_times_and_then_no_more(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("get_profiles", "503", 2)
    assert [client.send("GET", "/api/profiles").status_code for _ in range(3)] == [503, 503, 200]


def test_a_fault_may_wait_and_may_concern_one_account(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("get_profiles", "500", skip=1, account=TEA_HOUSE)
    other = Client(sandbox.url, sandbox.connect(NORDLYS).access_token)
    assert other.send("GET", "/api/profiles").status_code == 200
    assert [client.send("GET", "/api/profiles").status_code for _ in range(2)] == [200, 500]


@pytest.mark.parametrize(
    ("asked", "told"), [(None, "1"), ("7", "7"), ("soon", "soon"), ("-1", "-1"), ("99999999", "99999999")]
)
def test_a_429_says_what_it_was_told_to_say(client: Client, sandbox: Sandbox, asked: str | None, told: str) -> None:
    sandbox.fault("create_event", "429", retry_after=asked)
    answer = client.send("POST", "/api/events", event())
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, told)
    assert sandbox.events(TEA_HOUSE) == []


def test_retry_after_may_be_missing(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("*", "429", retry_after="missing", html=True)
    answer = client.send("GET", "/api/profiles")
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, None)
    assert "<html>" in answer.text


def test_retry_after_may_be_a_date(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("*", "429", retry_after="date")
    assert client.send("GET", "/api/profiles").headers["Retry-After"].endswith(" GMT")


@pytest.mark.parametrize(
    ("kind", "status", "content_type", "done"),
    [
        ("502", 502, "application/vnd.api+json", 0),
        ("html_403", 403, "text/html; charset=utf-8", 0),
        ("unauthorized", 401, "application/vnd.api+json", 0),
        ("missing_scope", 403, "application/vnd.api+json", 0),
        ("list_vanished", 404, "application/vnd.api+json", 0),
        ("not_json", 200, "application/vnd.api+json", 0),
        ("wrong_success", 200, "text/html; charset=utf-8", 0),
        ("lost", 202, None, 0),
        ("slow", 202, None, 1),
        ("drip", 202, None, 1),
    ],
)
def test_an_answer_that_comes(
    client: Client, sandbox: Sandbox, kind: str, status: int, content_type: str | None, done: int
) -> None:
    sandbox.fault("create_event", kind, delay=0.01)
    answer = client.send("POST", "/api/events", event())
    assert (answer.status_code, answer.headers.get("Content-Type")) == (status, content_type)
    assert len(sandbox.events(TEA_HOUSE)) == done


@pytest.mark.parametrize(("kind", "done"), [("accept_then_drop", 1), ("reset", 0), ("truncated", 1)])
def test_an_answer_that_does_not_come(client: Client, sandbox: Sandbox, kind: str, done: int) -> None:
    sandbox.fault("create_event", kind)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        client.send("POST", "/api/events", event())
    assert len(sandbox.events(TEA_HOUSE)) == done


def test_a_list_may_come_where_a_document_should(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("get_profiles", "empty_list")
    answer = client.send("GET", "/api/profiles")
    assert (answer.status_code, answer.json()) == (200, [])


def test_a_bomb_is_small_on_its_way_and_endless_when_opened(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("get_profiles", "gzip_bomb")
    headers = {"Authorization": f"Bearer {client.token}", "revision": "2026-07-15"}
    with requests.get(f"{sandbox.url}/api/profiles", headers=headers, stream=True, timeout=300) as answer:
        assert int(answer.headers["Content-Length"]) < 2_000_000
        opened = 0
        for piece in answer.iter_content(1024 * 1024):
            opened += len(piece)
            if opened > 40_000_000:
                break
    assert opened > 40_000_000


def test_an_answer_may_come_byte_by_byte(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("get_profiles", "drip", pace=0.001)
    began_at = time.monotonic()
    answer = client.send("GET", "/api/profiles")
    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert time.monotonic() - began_at > 0.001 * (len(answer.content) + 200)


def test_a_redirect_leads_elsewhere(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("get_profiles", "redirect", location="https://evil.example/api")
    answer = client.send("GET", "/api/profiles")
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://evil.example/api")


def test_tokens_have_bad_days_too(sandbox: Sandbox) -> None:
    tokens = sandbox.connect(TEA_HOUSE)
    sandbox.fault("oauth_token", "invalid_grant", account=TEA_HOUSE)
    sandbox.fault("oauth_token", "503", html=True)
    fields = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}

    def renew() -> requests.Response:
        auth = (sandbox.client_id, sandbox.client_secret)
        return requests.post(f"{sandbox.url}/oauth/token", data=fields, auth=auth, timeout=300)

    assert renew().json()["error"] == "invalid_grant"
    assert "<html>" in renew().text
    assert renew().status_code == 200


def test_an_unknown_kind_is_a_mistake(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="not a fault"):
        sandbox.fault("create_event", "earthquake")


def test_faults_are_seen_and_cleared(client: Client, sandbox: Sandbox) -> None:
    sandbox.fault("get_profiles", "500", 5)
    client.send("GET", "/api/profiles")
    assert [(one.count, one.happened) for one in sandbox.faults()] == [(5, 1)]
    assert sandbox.requests("get_profiles")[0].fault == "500"
    sandbox.clear_faults()
    assert client.send("GET", "/api/profiles").status_code == 200
