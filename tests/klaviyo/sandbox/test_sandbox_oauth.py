"""A merchant lets the app in, or not; codes work once, tokens end when they should."""

from __future__ import annotations

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import time_machine

from klaviyo.sandbox import Sandbox
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client

VERIFIER = "v" * 64
CALLBACK = "http://localhost:8000/integrations/callback"


def asked(sandbox: Sandbox, **changes: str) -> dict[str, str]:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    fields = {
        "response_type": "code",
        "client_id": sandbox.client_id,
        "redirect_uri": CALLBACK,
        "scope": "accounts:read profiles:read events:write",
        "state": "state-1",
        "code_challenge_method": "S256",
        "code_challenge": challenge,
    }
    return {name: value for name, value in {**fields, **changes}.items() if value}


def decide(sandbox: Sandbox, decision: str = "allow", account: str = TEA_HOUSE, **changes: str) -> dict[str, str]:
    """What the callback is told."""
    answer = requests.post(
        f"{sandbox.url}/oauth/authorize",
        data={**asked(sandbox, **changes), "account": account, "decision": decision},
        allow_redirects=False,
        timeout=300,
    )
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(CALLBACK)
    return {name: value[0] for name, value in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def token(sandbox: Sandbox, **fields: str) -> requests.Response:
    return requests.post(
        f"{sandbox.url}/oauth/token", data=fields, auth=(sandbox.client_id, sandbox.client_secret), timeout=300
    )


def exchange(sandbox: Sandbox, code: str, **changes: str) -> requests.Response:
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER, "redirect_uri": CALLBACK}
    return token(sandbox, **{**fields, **changes})


def refresh(sandbox: Sandbox, refresh_token: str) -> requests.Response:
    return token(sandbox, grant_type="refresh_token", refresh_token=refresh_token)


def connected(sandbox: Sandbox, account: str = TEA_HOUSE) -> dict[str, Any]:
    found: dict[str, Any] = exchange(sandbox, decide(sandbox, account=account)["code"]).json()
    return found


def is_alive(sandbox: Sandbox, access_token: str) -> bool:
    return Client(sandbox.url, access_token).send("GET", "/api/accounts").status_code == 200


def test_the_consent_screen_offers_three_accounts_and_tells_what_is_asked(sandbox: Sandbox) -> None:
    page = requests.get(f"{sandbox.url}/oauth/authorize", params=asked(sandbox), timeout=300)
    assert page.status_code == 200
    assert page.text.count('type="radio"') == 3
    assert "Tea House Ltd" in page.text
    assert "events:write" in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("missing", ["response_type", "scope", "state", "code_challenge_method", "code_challenge"])
def test_a_missing_parameter_is_told_to_the_callback(sandbox: Sandbox, missing: str) -> None:
    answer = requests.get(
        f"{sandbox.url}/oauth/authorize", params=asked(sandbox, **{missing: ""}), allow_redirects=False, timeout=300
    )
    assert answer.status_code == 302
    assert "error=invalid_request" in answer.headers["Location"]


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"redirect_uri": "https://evil.example/cb"},
        {"redirect_uri": "http://localhost/\r\nX-Evil: 1"},
    ],
)
def test_an_untrusted_address_is_never_redirected_to(sandbox: Sandbox, changes: dict[str, str]) -> None:
    answer = requests.get(
        f"{sandbox.url}/oauth/authorize", params=asked(sandbox, **changes), allow_redirects=False, timeout=300
    )
    assert answer.status_code == 400


def test_plain_challenges_are_refused(sandbox: Sandbox) -> None:
    assert decide(sandbox, code_challenge_method="plain")["error"] == "invalid_request"


def test_declining_is_told_to_the_callback_with_the_state(sandbox: Sandbox) -> None:
    told = decide(sandbox, "decline")
    assert (told["error"], told["state"]) == ("access_denied", "state-1")


def test_allowing_ends_in_tokens_for_the_chosen_account_and_no_other(sandbox: Sandbox) -> None:
    tokens = connected(sandbox, NORDLYS)
    assert tokens["token_type"] == "bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"].split() == ["accounts:read", "profiles:read", "events:write"]
    account = Client(sandbox.url, tokens["access_token"]).get("/api/accounts")["data"][0]
    assert account["id"] == NORDLYS


def test_fewer_scopes_may_be_granted_and_unknown_ones_are_passed_over(sandbox: Sandbox) -> None:
    code = decide(sandbox, scope="profiles:read made:up")["code"]
    assert exchange(sandbox, code).json()["scope"] == "accounts:read profiles:read"


def test_a_code_works_once(sandbox: Sandbox) -> None:
    code = decide(sandbox)["code"]
    assert exchange(sandbox, code).status_code == 200
    again = exchange(sandbox, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_code_grows_old(sandbox: Sandbox) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        code = decide(sandbox)["code"]
        clock.shift(301)
        assert exchange(sandbox, code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "w" * 64}, "invalid_grant"),
        ({"code_verifier": "short"}, "invalid_request"),
        ({"redirect_uri": "http://localhost:8000/other"}, "invalid_grant"),
        ({"code": "unknown"}, "invalid_grant"),
        ({"code": ""}, "invalid_request"),
        ({"grant_type": "password"}, "invalid_grant_type"),
    ],
)
def test_an_exchange_that_does_not_fit_is_refused(sandbox: Sandbox, changes: dict[str, str], error: str) -> None:
    answer = exchange(sandbox, **{"code": decide(sandbox)["code"], **changes})
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_a_failed_challenge_spends_the_code(sandbox: Sandbox) -> None:
    code = decide(sandbox)["code"]
    exchange(sandbox, code, code_verifier="w" * 64)
    assert exchange(sandbox, code).status_code == 400


def test_only_basic_authentication_is_taken(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/oauth/token"
    in_body = {"client_id": sandbox.client_id, "client_secret": sandbox.client_secret, "grant_type": "refresh_token"}
    for answer in (
        requests.post(url, data=in_body, timeout=300),
        requests.post(url, data={}, auth=(sandbox.client_id, "wrong"), timeout=300),
        requests.post(url, data={}, headers={"Authorization": "Basic ~~~"}, timeout=300),
    ):
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_json_is_not_a_form(sandbox: Sandbox) -> None:
    answer = requests.post(
        f"{sandbox.url}/oauth/token",
        json={"grant_type": "refresh_token"},
        auth=(sandbox.client_id, sandbox.client_secret),
        timeout=300,
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant_type")


def test_renewing_gives_the_same_refresh_token_and_the_old_access_token_lives_on(sandbox: Sandbox) -> None:
    first = connected(sandbox)
    second = refresh(sandbox, first["refresh_token"]).json()
    assert second["refresh_token"] == first["refresh_token"]
    assert second["access_token"] != first["access_token"]
    assert is_alive(sandbox, first["access_token"])


def test_with_rotation_a_token_that_comes_again_ends_the_install(sandbox: Sandbox) -> None:
    sandbox.settings(rotate_refresh_tokens=True)
    first = connected(sandbox)
    second = refresh(sandbox, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert refresh(sandbox, first["refresh_token"]).json()["error"] == "invalid_grant"
    assert refresh(sandbox, second["refresh_token"]).json()["error"] == "invalid_grant"
    assert not is_alive(sandbox, second["access_token"])


def test_an_access_token_dies_after_an_hour(sandbox: Sandbox) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        tokens = connected(sandbox)
        clock.shift(3599)
        assert is_alive(sandbox, tokens["access_token"])
        clock.shift(1)
        assert not is_alive(sandbox, tokens["access_token"])


def test_tokens_can_be_expired_without_ending_the_install(sandbox: Sandbox) -> None:
    tokens = connected(sandbox)
    sandbox.expire_tokens(TEA_HOUSE)
    assert not is_alive(sandbox, tokens["access_token"])
    assert is_alive(sandbox, refresh(sandbox, tokens["refresh_token"]).json()["access_token"])


def test_a_merchant_who_uninstalls_ends_every_token(sandbox: Sandbox) -> None:
    tokens = connected(sandbox)
    sandbox.uninstall(TEA_HOUSE)
    assert not is_alive(sandbox, tokens["access_token"])
    assert refresh(sandbox, tokens["refresh_token"]).json()["error"] == "invalid_grant"


def test_two_connections_to_one_account_are_one_install_and_one_revocation_ends_both(sandbox: Sandbox) -> None:
    first, second = connected(sandbox), connected(sandbox)
    assert is_alive(sandbox, first["access_token"])
    assert {one.id: one.installs for one in sandbox.accounts()}[TEA_HOUSE] == 1
    answer = requests.post(
        f"{sandbox.url}/oauth/revoke",
        data={"token": second["refresh_token"], "token_type_hint": "refresh_token"},
        auth=(sandbox.client_id, sandbox.client_secret),
        timeout=300,
    )
    assert answer.status_code == 200
    assert not is_alive(sandbox, first["access_token"])
    assert refresh(sandbox, first["refresh_token"]).status_code == 400


def test_registered_addresses_are_accepted_besides_loopback() -> None:
    with Sandbox(redirect_uris=["http://testserver/callback"]) as sandbox:
        query = asked(sandbox, redirect_uri="http://testserver/callback")
        assert requests.get(f"{sandbox.url}/oauth/authorize", params=query, timeout=300).status_code == 200


def test_no_token_is_kept_in_the_log(sandbox: Sandbox) -> None:
    tokens = connected(sandbox)
    refresh(sandbox, tokens["refresh_token"])
    is_alive(sandbox, tokens["access_token"])
    log = repr(sandbox.requests())
    assert len(sandbox.requests("oauth_token")) == 2
    assert tokens["refresh_token"] not in log
    assert tokens["access_token"] not in log
