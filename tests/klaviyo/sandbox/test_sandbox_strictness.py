"""What Klaviyo refuses, the sandbox refuses: headers, paths, verbs, sizes, queries."""

from __future__ import annotations

import json
from typing import Any

import pytest

from klaviyo.sandbox import Sandbox, SeedProfile
from tests.klaviyo.sandbox.sandbox_calls import TEA_HOUSE, Client, event, profile

SURROGATE = json.dumps(event(properties={"half": "\ud800"})).encode()
DEEP = b'{"data":' * 900 + b"1" + b"}" * 900


def first_error(answer: Any) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["errors"][0]
    return error


def test_an_error_has_every_member_of_the_real_ones(client: Client) -> None:
    answer = client.upsert(email="bad")
    assert set(first_error(answer)) == {"id", "status", "code", "title", "detail", "source", "links", "meta"}
    assert first_error(answer)["status"] == 400
    assert answer.headers["Content-Type"] == "application/vnd.api+json"


def test_answers_carry_request_id_revision_account_and_limits(client: Client) -> None:
    headers = client.send("GET", "/api/profiles").headers
    assert headers["x-klaviyo-req-id"]
    assert headers["x-klaviyo-api-revision"] == "2026-07-15"
    assert headers["cid"] == TEA_HOUSE
    assert headers["RateLimit-Limit"] == "75, 75;w=1, 750;w=60"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/nothing", 404, "not_found"),
        ("GET", "/api/profiles/", 404, "not_found"),
        ("PUT", "/api/profiles", 405, "method_not_allowed"),
        ("GET", "/api/profile-import", 405, "method_not_allowed"),
    ],
)
def test_paths_and_verbs_are_exact(client: Client, method: str, path: str, status: int, code: str) -> None:
    answer = client.send(method, path)
    assert (answer.status_code, first_error(answer)["code"]) == (status, code)


@pytest.mark.parametrize("revision", ["2024-10-15", "2026-11-15", "soon"])
def test_another_revision_is_gone(client: Client, revision: str) -> None:
    assert client.send("GET", "/api/profiles", revision=revision).status_code == 410


def test_a_revision_is_required(client: Client) -> None:
    assert client.send("GET", "/api/profiles", drop=("revision",)).status_code == 400


def test_a_body_of_another_media_type_is_refused(client: Client, sandbox: Sandbox) -> None:
    answer = client.send("POST", "/api/profile-import", profile(email="a@tea.test"), Content_Type="application/json")
    assert answer.status_code == 415
    assert sandbox.profiles(TEA_HOUSE) == []


def test_no_credential_and_a_bad_one_are_told_apart(client: Client) -> None:
    none = client.send("GET", "/api/profiles", drop=("Authorization",))
    bad = client.send("GET", "/api/profiles", Authorization="Bearer nonsense")
    key = client.send("GET", "/api/profiles", Authorization="Klaviyo-API-Key pk_123")
    assert (none.status_code, first_error(none)["code"]) == (401, "not_authenticated")
    assert (bad.status_code, first_error(bad)["code"]) == (401, "authentication_failed")
    assert key.status_code == 401


def test_a_missing_scope_is_named(sandbox: Sandbox, client: Client) -> None:
    client.token = sandbox.connect(TEA_HOUSE, "accounts:read profiles:read").access_token
    answer = client.send("POST", "/api/events", event())
    assert (answer.status_code, first_error(answer)["code"]) == (403, "permission_denied")
    assert "events:write" in first_error(answer)["detail"]


def test_more_than_5_mb_is_too_much(client: Client) -> None:
    answer = client.send("POST", "/api/events", b" " * (5 * 1024 * 1024 + 1))
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"data": 1}', b'{"data": {}}', b"\xff", b"[" * 100_000, SURROGATE, DEEP]
)
def test_what_is_not_a_document_is_a_400(client: Client, body: bytes) -> None:
    answer = client.send("POST", "/api/events", body)
    assert answer.status_code == 400
    assert first_error(answer)["code"] == "invalid"


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("page[size]=101", "page[size]"),
        ("page[size]=0", "page[size]"),
        ("page[cursor]=zzz", "page[cursor]"),
        ("page[number]=2", "page[number]"),
        ("sort=shoe_size", "sort"),
        ("include=lists", "include"),
        ("fields[profile]=email,shoe_size", "fields[profile]"),
        ("additional-fields[profile]=everything", "additional-fields[profile]"),
        ('filter=equals(first_name,"Ann")', "filter"),
        ('filter=contains(email,"ann")', "filter"),
        ("filter=equals(email", "filter"),
        ('filter=any(email,"ann@tea.test")', "filter"),
        ("filter=any(email,[])", "filter"),
        ("filter=greater-than(created,yesterday)", "filter"),
        ("filter=greater-than(created,0001-01-01T00:00:00%2B14:00)", "filter"),
        ("page[cursor]=WzAsW10sMV0", "page[cursor]"),
        ('filter=equals(email,"a@b.test"))', "filter"),
    ],
)
def test_a_query_that_does_not_fit_is_refused_with_its_parameter(client: Client, query: str, parameter: str) -> None:
    answer = client.send("GET", f"/api/profiles?{query}")
    assert (answer.status_code, first_error(answer)["source"]) == (400, {"parameter": parameter})


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ('equals(email,"ANN@tea.test")', ["ann@tea.test"]),
        ("equals(email,'ann@tea.test')", ["ann@tea.test"]),
        ('any(email,["ben%2Btea@tea.test","nobody@tea.test"])', ["ben+tea@tea.test"]),
        ('any(email,["ben+tea@tea.test"])', []),
        ("equals(id,99999999999999999999999)", []),
        ('equals(external_id,"quoted \\"id\\"")', ["ann@tea.test"]),
        ('equals(phone_number,"%2B358401234567")', ["ann@tea.test"]),
        ('greater-than(created,2020-01-01T00:00:00Z),any(email,["ann@tea.test"])', ["ann@tea.test"]),
        ('and(equals(email,"ann@tea.test"),less-than(created,2020-01-01))', []),
    ],
)
def test_filters_read_as_klaviyos_do(client: Client, sandbox: Sandbox, filters: str, found: list[str]) -> None:
    ann = SeedProfile("ann@tea.test", "+358401234567", 'quoted "id"')
    sandbox.put_profiles(TEA_HOUSE, [ann, SeedProfile("ben+tea@tea.test")])
    people = client.get(f"/api/profiles?filter={filters}")["data"]
    assert [one["attributes"]["email"] for one in people] == found


def test_pages_go_forth_and_back_in_any_order(client: Client, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE, [SeedProfile(f"p{number}@tea.test") for number in range(5)])
    first = client.get("/api/profiles?page[size]=2&sort=-email")
    second = client.get(first["links"]["next"].removeprefix(client.url))
    third = client.get(second["links"]["next"].removeprefix(client.url))
    back = client.get(third["links"]["prev"].removeprefix(client.url))
    pages = [[one["attributes"]["email"][:2] for one in page["data"]] for page in (first, second, third, back)]
    assert pages == [["p4", "p3"], ["p2", "p1"], ["p0"], ["p2", "p1"]]
    assert (first["links"]["prev"], third["links"]["next"]) == (None, None)


def test_one_account_does_not_see_another(client: Client, sandbox: Sandbox) -> None:
    (theirs,) = sandbox.put_profiles("Qk7LmA", [SeedProfile("ann@tea.test")])
    assert client.get("/api/profiles")["data"] == []
    assert client.send("GET", f"/api/profiles/{theirs}").status_code == 404


def test_another_name_for_this_machine_is_not_answered(client: Client) -> None:
    assert client.send("GET", "/sandbox/state", Host="evil.example").status_code == 421
