"""Who may connect, reconnect, disconnect and decide, and how: never by a GET, never without permission or CSRF."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from integrations.models import Authorization, Connection
from tests.integrations.operators import CALLBACK, CONNECT, come_back, leave, somebody
from tests.integrations.teapot import Teapot

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "/oauth/token"
State = Connection.State


def connected() -> int:
    return Connection.objects.filter(state=State.CONNECTED).count()


def changes(connection: Connection) -> list[str]:
    """The addresses that change something."""
    of_one = [reverse(f"integrations:{name}", args=[connection.pk]) for name in ("reconnect", "disconnect", "decide")]
    return [CONNECT, *of_one]


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "options"])
def test_only_a_post_changes_anything(teapot: Teapot, browser: Client, tearoom: Connection, method: str) -> None:
    before = list(Connection.objects.values())
    for address in changes(tearoom):
        response = getattr(browser, method)(address)
        assert response.status_code in ({200, 302, 405} if method == "get" else {405})
    assert list(Connection.objects.values()) == before
    assert Authorization.objects.filter(used_at=None).count() == 0


@pytest.mark.parametrize("method", ["head", "post", "put", "options"])
def test_only_a_get_uses_a_state_up(teapot: Teapot, browser: Client, method: str) -> None:
    answer = teapot.consent(leave(browser))
    query = "&".join(f"{name}={value}" for name, value in answer.items())
    assert getattr(browser, method)(f"{CALLBACK}?{query}").status_code == 405
    assert Authorization.objects.get().used_at is None


def test_every_change_needs_a_token_against_forgery(staff: User, teapot: Teapot, tearoom: Connection) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(staff)
    for address in changes(tearoom):
        assert browser.post(address).status_code == 403
    assert connected() == 1


@pytest.mark.parametrize(
    ("missing", "name"),
    [("connect", "connect"), ("reconnect", "reconnect"), ("disconnect", "disconnect"), ("reconnect", "decide")],
)
def test_each_change_needs_its_permission(teapot: Teapot, tearoom: Connection, missing: str, name: str) -> None:
    browser = Client()
    browser.force_login(somebody("ben", missing))
    address = reverse(f"integrations:{name}", args=["teapot" if name == "connect" else tearoom.pk])
    assert browser.post(address).status_code == 403
    assert browser.get(address).status_code == 403
    assert Client().post(address).status_code == 302
    assert connected() == 1


@pytest.mark.parametrize("missing", ["connect", "reconnect"])
def test_coming_back_needs_the_permission_for_what_was_begun(
    teapot: Teapot, browser: Client, staff: User, tearoom: Connection, missing: str
) -> None:
    address = leave(browser, tearoom if missing == "reconnect" else None)
    staff.user_permissions.remove(*staff.user_permissions.filter(codename=missing))
    calls = teapot.calls[TOKEN]
    assert come_back(browser, teapot.consent(address)).status_code == 403
    assert teapot.calls[TOKEN] == calls


def test_an_unknown_provider_or_connection_is_not_found(browser: Client) -> None:
    assert browser.post("/admin/integrations/kettle/connect").status_code == 404
    assert browser.post("/admin/integrations/999/reconnect").status_code == 404
    assert browser.post("/admin/integrations/999/disconnect").status_code == 404
