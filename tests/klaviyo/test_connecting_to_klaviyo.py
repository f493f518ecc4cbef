"""Connecting, renewing and letting go against the sandbox, as an operator meets it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.forms.models import model_to_dict
from django.http import HttpResponseBase
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import connections
from integrations.models import Connection, Revocation
from klaviyo import provider
from klaviyo.api import scopes
from klaviyo.api.operation import Operation
from klaviyo.sandbox import Sandbox
from tests import consent_screen

TEA_HOUSE_LTD, NORDLYS = "VxYz12", "Qk7LmA"
State = Connection.State
OF_ONE_TRIP = {"id", "access_expires_at", "refreshed_at", "connected_at", "allowed_at"}
ALWAYS = {scope.name for scope in provider.SCOPES}
SEGMENTS = Operation("create_segment", "POST /api/segments", "segments:write", 1, 15)
Connect = Callable[..., HttpResponseBase]


def installs(sandbox: Sandbox, account: str = TEA_HOUSE_LTD) -> int:
    return next(int(seen.installs) for seen in sandbox.accounts() if seen.id == account)


def calls(sandbox: Sandbox, operation: str) -> int:
    return len(sandbox.requests(operation))


def disconnect(browser: Client, connection: Connection) -> None:
    browser.post(reverse("integrations:disconnect", args=[connection.pk]))
    connection.refresh_from_db()


def test_the_account_is_shown_as_klaviyo_describes_it(connection: Connection) -> None:
    assert (connection.account_id, connection.account_name) == (TEA_HOUSE_LTD, "Tea House Ltd")
    assert (connection.timezone, connection.currency) == ("Europe/Helsinki", "EUR")
    assert connection.granted == {scope.name for scope in provider.SCOPES}


def test_tests_that_need_no_trip_have_the_connection_that_a_trip_leaves(
    connect: Connect, sandbox: Sandbox, operator: User
) -> None:
    connect(account=NORDLYS)
    by_the_trip = Connection.objects.get()
    Connection.objects.all().delete()
    without_it = consent_screen.connected_by(operator, sandbox, NORDLYS)
    row, its_row = model_to_dict(by_the_trip), model_to_dict(without_it)
    assert set(row) == set(its_row)
    assert {name for name in row if row[name] != its_row[name]} == OF_ONE_TRIP
    assert connections.probe(without_it).passed


def test_a_declined_consent_makes_no_token_call(sandbox: Sandbox, connect: Connect) -> None:
    answer: Any = connect(decision="decline")
    assert answer.status_code == 400
    assert "declined" in answer.content.decode()
    assert calls(sandbox, "oauth_token") == 0
    assert not Connection.objects.exists()


def test_fewer_scopes_are_kept_as_granted(connect: Connect) -> None:
    connect(scope="accounts:read profiles:read")
    assert Connection.objects.get().granted == {"accounts:read", "profiles:read"}


def test_no_more_is_asked_for_unless_somebody_allows_it(connect: Connect) -> None:
    connect()
    assert Connection.objects.get().granted == ALWAYS


def test_what_is_allowed_too_is_asked_for_and_remembered(connect: Connect, browser_of_the_operator: Client) -> None:
    page = browser_of_the_operator.get(reverse("integrations:enable", args=["klaviyo"])).content.decode()
    assert page.count('name="also"') == len(provider.ADDITIONS)
    assert "checked" not in page
    connect(also=["segments", "nothing-of-ours"])
    row = Connection.objects.get()
    assert row.granted == ALWAYS | {"segments:read", "segments:write"}
    assert not scopes.lacking(row, SEGMENTS)
    again = reverse("integrations:reconnect", args=[row.pk])
    connect(start=again, also=["tags"])
    connect(start=again)
    row.refresh_from_db()
    assert row.granted == ALWAYS | {"segments:read", "segments:write", "tags:read", "tags:write"}
    page = browser_of_the_operator.get(reverse("integrations:allow_again", args=[row.pk])).content.decode()
    assert page.count("checked disabled") == page.count("Allowed already.") == 2
    page = browser_of_the_operator.get(reverse("integrations:connection", args=[row.pk])).content.decode()
    assert "<code>tags:write</code>" in page
    assert "<code>flows:read</code>" not in page


def test_what_one_offer_had_in_part_is_asked_for_in_part(connect: Connect) -> None:
    connect(also=["segments"])
    row = Connection.objects.get()
    Connection.objects.update(scopes=row.scopes.replace("segments:write", ""))
    connect(start=reverse("integrations:reconnect", args=[row.pk]))
    row.refresh_from_db()
    assert row.granted == ALWAYS | {"segments:read"}
    assert scopes.lacking(row, SEGMENTS) == ("segments:write",)


def test_access_is_renewed_where_refresh_tokens_rotate(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.settings(rotate_refresh_tokens=True)
    for generation in (2, 3):
        sandbox.expire_tokens(TEA_HOUSE_LTD)
        assert connections.probe(connection).passed
        assert Connection.objects.get().generation == generation


def test_an_answer_lost_on_the_way_is_said_to_be_lost(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.settings(rotate_refresh_tokens=True)
    sandbox.expire_tokens(TEA_HOUSE_LTD)
    sandbox.fault("oauth_token", "truncated")
    assert connections.probe(connection).code == "refresh_uncertain"
    Connection.objects.update(refresh_lease_until=timezone.now() - timedelta(seconds=1))
    assert connections.probe(connection).code == "response_lost"
    assert Connection.objects.get().state == State.RECONNECT


def test_an_app_that_was_uninstalled_needs_a_reconnect(sandbox: Sandbox, connection: Connection) -> None:
    sandbox.uninstall(TEA_HOUSE_LTD)
    assert connections.probe(connection).code == "access_withdrawn"
    assert Connection.objects.get().state == State.RECONNECT


def test_disconnecting_uninstalls(sandbox: Sandbox, browser_of_the_operator: Client, connection: Connection) -> None:
    disconnect(browser_of_the_operator, connection)
    assert installs(sandbox) == 0
    assert connection.state == State.DISCONNECTED
    assert not Revocation.objects.exists()


def test_klaviyo_is_told_later_when_it_cannot_be_reached(
    sandbox: Sandbox, browser_of_the_operator: Client, connection: Connection
) -> None:
    sandbox.fault("oauth_revoke", "reset")
    disconnect(browser_of_the_operator, connection)
    assert connection.state == State.DISCONNECTED
    assert not connection.refresh_token
    assert installs(sandbox) == 1
    Revocation.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert connections.revoke_due() == 1
    assert installs(sandbox) == 0


def test_connecting_again_after_an_unheard_disconnect_keeps_the_new_access(
    sandbox: Sandbox, browser_of_the_operator: Client, connect: Connect, connection: Connection
) -> None:
    sandbox.fault("oauth_revoke", "503")
    disconnect(browser_of_the_operator, connection)
    connect()
    connections.revoke_due()
    assert connections.probe(connection).passed


def test_a_different_account_waits_for_a_decision(connect: Connect, connection: Connection) -> None:
    connect(NORDLYS, start=reverse("integrations:reconnect", args=[connection.pk]))
    other = Connection.objects.get(account_id=NORDLYS)
    assert (other.state, other.replaces) == (State.UNDECIDED, connection)
    assert Connection.objects.get(pk=connection.pk).generation == connection.generation
