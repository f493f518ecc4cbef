"""Pages of API tokens: a secret is shown once, what was chosen holds, and each act is in the audit log."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.api import abilities, tokens
from integrations.api.abilities import Ability
from integrations.models import ApiToken, Connection, RefusedCall
from tests.faults import stored
from tests.integrations.kettle import connected
from tests.integrations.operators import somebody, told

INDEX, MAKE = "/admin/integrations/tokens/", "/admin/integrations/tokens/make"
SECRET = re.compile(r"sorae_[\w-]{43}")


@pytest.fixture
def one(staff: User) -> Connection:
    return connected("A1")


def chosen(connection: Connection, **changed: Any) -> dict[str, Any]:
    form = {
        "name": "Till",
        "abilities": ["read"],
        "reach": "some",
        "connections": [connection.pk],
        "good_for": "30",
        "per_minute": "60",
        "once": "1",
    }
    return form | changed


def test_a_secret_is_shown_once(browser: Client, staff: User, one: Connection) -> None:
    page = browser.post(MAKE, chosen(one))
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    (secret,) = SECRET.findall(page.content.decode())
    token = ApiToken.objects.get()
    assert tokens.find(f"Bearer {secret}") == token
    assert (token.name, token.created_by, token.per_minute, token.abilities) == ("Till", staff, 60, ["read"])
    assert list(token.connections.all()) == [one]
    assert not token.is_for_all_connections
    assert token.expires_at
    assert abs(token.expires_at - timezone.now() - timedelta(days=30)) < timedelta(hours=1)
    assert secret[12:] not in str(stored.tables())
    assert secret[12:] not in str(browser.cookies)
    assert secret[12:] not in browser.get(INDEX).content.decode()
    assert [entry.change_message for entry in LogEntry.objects.all()] == [
        f"Made the API token Till ({secret[:12]}…), which may: read."
    ]


def test_the_same_form_makes_one_token(browser: Client, one: Connection) -> None:
    browser.post(MAKE, chosen(one))
    again = browser.post(MAKE, chosen(one))
    assert again["Location"] == INDEX
    assert "used already" in told(again)
    assert ApiToken.objects.count() == 1
    browser.post(MAKE, chosen(one, once="2"))
    assert ApiToken.objects.count() == 2


def test_a_token_for_all_connections_that_does_not_expire(browser: Client, one: Connection) -> None:
    browser.post(MAKE, chosen(one, reach="all", good_for=""))
    token = ApiToken.objects.get()
    assert token.is_for_all_connections
    assert token.expires_at is None
    assert tokens.may(token, "read", connected("A2"))


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"name": ""}, "This field is required"),
        ({"name": "x" * 101}, "at most 100"),
        ({"name": "a\x00b"}, "Null characters"),
        ({"abilities": []}, "Choose at least one thing"),
        ({"abilities": ["everything"]}, "not one of the available choices"),
        ({"reach": ""}, "Choose the connections"),
        ({"connections": []}, "Choose at least one connection"),
        ({"connections": ["x"]}, "not a valid value"),
        ({"connections": ["99999"]}, "not one of the available choices"),
        ({"good_for": "9999"}, "not one of the available choices"),
        ({"per_minute": "0"}, "greater than or equal to 1"),
        ({"per_minute": "99999999"}, "less than or equal to"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    browser: Client, one: Connection, changed: dict[str, Any], sentence: str
) -> None:
    page = browser.post(MAKE, chosen(one, **changed))
    assert page.status_code == 200
    assert sentence in page.content.decode()
    assert not ApiToken.objects.exists()


def test_nobody_gives_away_what_they_may_not_do(browser: Client, one: Connection, staff: User) -> None:
    abilities.declare(Ability("spill", "Spill tea", "Kitchen", is_dangerous=True, permission="integrations.spill"))
    try:
        assert "Spill tea" not in browser.get(MAKE).content.decode()
        browser.post(MAKE, chosen(one, abilities=["spill"]))
        assert not ApiToken.objects.exists()
        User.objects.filter(pk=staff.pk).update(is_superuser=True)
        assert "Spill tea" in browser.get(MAKE).content.decode()
        browser.post(MAKE, chosen(one, abilities=["spill"]))
        assert ApiToken.objects.get().abilities == ["spill"]
    finally:
        abilities._declared.pop("spill")


def test_a_token_is_revoked_when_that_is_confirmed(browser: Client, staff: User) -> None:
    token, secret = tokens.make("Till", staff, abilities=["read"])
    address = reverse("integrations:revoke_api_token", args=[token.pk])
    assert "Revoke Till?" in browser.get(address).content.decode()
    tokens.find(f"Bearer {secret}")
    for _ in range(2):
        assert browser.post(address)["Location"] == INDEX
    token.refresh_from_db()
    assert token.is_revoked
    assert [entry.change_message for entry in LogEntry.objects.all()] == [f"Revoked the API token {token}."]
    assert "Revoked" in browser.get(INDEX).content.decode()
    assert browser.get(address)["Location"] == INDEX


def test_the_list_says_how_each_stands(browser: Client, staff: User, one: Connection) -> None:
    now = timezone.now()
    tokens.make("Fresh", staff, abilities=["read", "gone"], connections=[one])
    old, _ = tokens.make("Old", staff, abilities=[], expires_at=now)
    used, _ = tokens.make("Busy", None, abilities=["read"])
    tokens.make("Left", User.objects.create_user("left", is_active=False), abilities=["read"])
    tokens.used(used)
    RefusedCall.objects.create(token=old, code=RefusedCall.Code.EXPIRED_TOKEN, method="GET", route="/ready")
    page = browser.get(INDEX).content.decode()
    states = ("Never used", "Expired", "In use", "Resting")
    abilities_and_reach = ("gone", "Everything that only reads", one.account_name, "300 calls a minute")
    for words in (*states, *abilities_and_reach, "the command line", "With an expired token", "GET /ready"):
        assert words in page, words


def test_without_the_permission_there_is_nothing(one: Connection) -> None:
    browser = Client()
    browser.force_login(somebody("other", "manage_api_tokens"))
    assert browser.get(INDEX).status_code == 403
    assert browser.post(MAKE, chosen(one)).status_code == 403
    assert b"API tokens" not in browser.get("/admin/integrations/").content
    assert not ApiToken.objects.exists()
