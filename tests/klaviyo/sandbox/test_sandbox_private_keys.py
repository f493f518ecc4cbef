"""Private keys: beside bearer tokens, with scopes and a quota of their own, and no way to webhooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests
from klaviyo_api import KlaviyoAPI

from klaviyo.sandbox import Exchange, Remote, Sandbox
from tests.klaviyo.sandbox.sandbox_calls import NORDLYS, TEA_HOUSE, Client


def with_key(sandbox: Sandbox, key: str) -> Client:
    return Client(sandbox.url, key, scheme="Klaviyo-API-Key")


def test_the_official_client_works_with_a_key(sandbox: Sandbox) -> None:
    key = sandbox.make_private_key(TEA_HOUSE)
    assert key.startswith("pk_")
    api = KlaviyoAPI(key, max_retries=1, test_host=sandbox.url)
    assert [one.id for one in api.Accounts.get_accounts().data] == [TEA_HOUSE]
    made = api.Lists.create_list({"data": {"type": "list", "attributes": {"name": "Newsletter"}}})
    assert api.Lists.get_list(made.data.id).data.attributes.name == "Newsletter"


def test_a_key_speaks_for_its_account_until_it_is_revoked(sandbox: Sandbox) -> None:
    key, other = sandbox.make_private_key(TEA_HOUSE), sandbox.make_private_key(NORDLYS)
    assert with_key(sandbox, key).get("/api/accounts")["data"][0]["id"] == TEA_HOUSE
    assert with_key(sandbox, other).get("/api/accounts")["data"][0]["id"] == NORDLYS
    assert sandbox.revoke_private_key(NORDLYS, key) is False
    assert sandbox.revoke_private_key(TEA_HOUSE, key) is True
    refused = with_key(sandbox, key).send("GET", "/api/accounts")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (401, "not_authenticated")
    assert with_key(sandbox, other).send("GET", "/api/accounts").status_code == 200


def test_a_key_is_no_token_and_a_token_no_key(sandbox: Sandbox, client: Client) -> None:
    key = sandbox.make_private_key(TEA_HOUSE)
    as_token = Client(sandbox.url, key).send("GET", "/api/accounts")
    as_key = with_key(sandbox, client.token).send("GET", "/api/accounts")
    assert (as_token.status_code, as_token.json()["errors"][0]["code"]) == (401, "authentication_failed")
    assert (as_key.status_code, as_key.json()["errors"][0]["code"]) == (401, "not_authenticated")
    sandbox.expire_tokens(TEA_HOUSE)
    sandbox.uninstall(TEA_HOUSE)
    assert with_key(sandbox, key).send("GET", "/api/accounts").status_code == 200


def test_a_key_may_do_what_its_scopes_say(sandbox: Sandbox) -> None:
    reading = with_key(sandbox, sandbox.make_private_key(TEA_HOUSE, ["accounts:read", "lists:read"]))
    assert reading.send("GET", "/api/lists").status_code == 200
    refused = reading.send("POST", "/api/lists", {"data": {"type": "list", "attributes": {"name": "A"}}})
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"]) == (403, "permission_denied")
    assert "lists:write" in error["detail"]
    assert with_key(sandbox, sandbox.make_private_key(TEA_HOUSE, [])).send("GET", "/api/lists").status_code == 403
    with pytest.raises(ValueError, match="no scope lists:eat"):
        sandbox.make_private_key(TEA_HOUSE, ["lists:eat"])


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/webhooks"), ("POST", "/api/webhooks"), ("GET", "/api/webhook-topics")],
)
def test_webhooks_are_not_for_keys(sandbox: Sandbox, method: str, path: str) -> None:
    refused = with_key(sandbox, sandbox.make_private_key(TEA_HOUSE)).send(method, path)
    (error,) = refused.json()["errors"]
    assert (refused.status_code, error["code"]) == (403, "permission_denied")
    assert "Advanced KDP" in error["detail"]


def test_the_keys_of_an_account_share_a_quota_that_is_not_the_apps(sandbox: Sandbox, client: Client) -> None:
    sandbox.settings(limits=True)
    keys = [with_key(sandbox, sandbox.make_private_key(TEA_HOUSE)) for _ in range(3)]
    assert any(keys[number % 3].send("GET", "/api/accounts").status_code == 429 for number in range(40))
    elsewhere = with_key(sandbox, sandbox.make_private_key(NORDLYS))
    assert [one.send("GET", "/api/accounts").status_code for one in (client, elsewhere)] == [200, 200]


def test_keys_survive_a_restart(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "state.sqlite3", limits=False) as sandbox:
        key = sandbox.make_private_key(TEA_HOUSE, ["accounts:read"])
    with Sandbox(tmp_path / "state.sqlite3", limits=False) as sandbox:
        again = with_key(sandbox, key)
        assert again.send("GET", "/api/accounts").status_code == 200
        assert again.send("GET", "/api/lists").status_code == 403
        sandbox.reset()
        assert again.send("GET", "/api/accounts").status_code == 401


def test_keys_are_made_and_revoked_from_afar(sandbox: Sandbox) -> None:
    remote = Remote(sandbox.url)
    full, narrow = remote.make_private_key(TEA_HOUSE), remote.make_private_key(TEA_HOUSE, ["accounts:read"])
    assert with_key(sandbox, full).send("GET", "/api/lists").status_code == 200
    assert with_key(sandbox, narrow).send("GET", "/api/lists").status_code == 403
    assert remote.revoke_private_key(TEA_HOUSE, full) is True
    assert remote.revoke_private_key(TEA_HOUSE, full) is False
    with pytest.raises(ValueError, match="one of"):
        remote.make_private_key(TEA_HOUSE, ["lists:eat"])
    remote.close()


def test_an_observer_is_told_the_scheme_and_never_the_key() -> None:
    seen: list[Exchange] = []
    with Sandbox(limits=False, observer=seen.append) as sandbox:
        key = sandbox.make_private_key(TEA_HOUSE)
        with_key(sandbox, key).send("GET", "/api/accounts")
        Client(sandbox.url, sandbox.connect(TEA_HOUSE).access_token).send("GET", "/api/accounts")
    assert [one.scheme for one in seen] == ["Klaviyo-API-Key", "Bearer"]
    assert key not in repr(seen)


def test_keys_are_made_and_revoked_on_a_page(sandbox: Sandbox) -> None:
    page = f"{sandbox.url}/inspector/{TEA_HOUSE}/keys"
    assert "There are no private keys." in requests.get(page, timeout=10).text
    made = requests.post(page, {"make": "1", "scopes": "accounts:read lists:read"}, timeout=10)
    shown = re.search(r"pk_\w+", made.text)
    assert shown
    assert with_key(sandbox, shown[0]).send("GET", "/api/lists").status_code == 200
    assert with_key(sandbox, shown[0]).send("GET", "/api/tags").status_code == 403
    listed = requests.get(page, timeout=10).text
    assert "accounts:read lists:read" in listed
    assert shown[0] not in listed
    wrong = requests.post(page, {"make": "1", "scopes": "<b>lists:eat"}, timeout=10)
    assert (wrong.status_code, "<b>" in wrong.text) == (400, False)
    number = re.search(r'name="revoke" value="(\d+)"', listed)
    assert number
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert requests.post(page, {"revoke": number[1]}, headers=elsewhere, timeout=10).status_code == 403
    theirs = page.replace(TEA_HOUSE, NORDLYS)
    assert requests.post(theirs, {"revoke": number[1]}, timeout=10).status_code == 404
    assert with_key(sandbox, shown[0]).send("GET", "/api/lists").status_code == 200
    assert requests.post(page, {"revoke": number[1]}, timeout=10).status_code == 200
    assert with_key(sandbox, shown[0]).send("GET", "/api/lists").status_code == 401
