"""The trip to the consent screen and back: works once, for whoever began it, and leaves a clear page otherwise."""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import encryption, outbox, reasons
from integrations.models import Authorization, Connection, Delivery
from tests.integrations.operators import CALLBACK, CONNECT, at_the_site, come_back, leads_on_to, leave, somebody
from tests.integrations.teapot import Teapot, saying

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "/oauth/token"
State = Connection.State


def connected() -> int:
    return Connection.objects.filter(state=State.CONNECTED).count()


def says(response: Any, sentence: str) -> None:
    """A page that says so, with status 400, and that nobody can read a code from."""
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert "CANARY" not in response.content.decode()
    assert response["Referrer-Policy"] == "strict-origin"


def test_an_account_is_connected(teapot: Teapot, browser: Client, staff: User) -> None:
    response = come_back(browser, teapot.consent(leave(browser)))
    assert response.status_code == 302
    row = Connection.objects.get()
    assert response["Location"] == f"/admin/integrations/{row.pk}/"
    assert (row.account_id, row.account_name, row.timezone, row.currency) == ("A1", "Tea House", "Europe/Berlin", "EUR")
    assert row.state == State.CONNECTED
    assert row.granted == {"tea:read", "tea:write"}
    assert row.connected_by == staff
    assert row.access_token in teapot.access
    assert row.refresh_token in teapot.refreshing
    assert row.generation == 1
    assert row.access_expires_at
    assert timedelta(minutes=58) < row.access_expires_at - timezone.now() < timedelta(minutes=61)
    assert LogEntry.objects.get().get_change_message() == "Tea House is connected."


def test_only_granted_scopes_are_kept(teapot: Teapot, browser: Client) -> None:
    teapot.grants = "tea:read"
    come_back(browser, teapot.consent(leave(browser)))
    assert Connection.objects.get().granted == {"tea:read"}


def test_the_state_is_stored_as_a_hash_and_the_verifier_sealed(teapot: Teapot, browser: Client) -> None:
    answer = teapot.consent(leave(browser))
    trip = Authorization.objects.get()
    assert answer["state"] not in str(Authorization.objects.values())
    assert len(trip.code_verifier) == 64
    assert trip.code_verifier not in str(Authorization.objects.values())


def test_the_same_account_comes_back_to_its_row(teapot: Teapot, browser: Client, tearoom: Connection) -> None:
    come_back(browser, teapot.consent(leave(browser)))
    assert Connection.objects.get().generation == 2
    assert connected() == 1


def test_two_accounts_are_two_rows(teapot: Teapot, browser: Client, tearoom: Connection) -> None:
    come_back(browser, teapot.consent(leave(browser), account="B2"))
    assert connected() == 2


def test_a_reconnect_clears_the_problem_and_lets_deliveries_flow(
    teapot: Teapot, browser: Client, tearoom: Connection
) -> None:
    Delivery.objects.create(connection=tearoom, kind="event", key="1", occurred_at=timezone.now())
    Connection.objects.update(state=State.RECONNECT, problem_code="x", problem="It broke.")
    outbox.hold(tearoom, reasons.of("x", "It broke."))
    come_back(browser, teapot.consent(leave(browser, tearoom)))
    tearoom.refresh_from_db()
    assert (tearoom.state, tearoom.problem_code, tearoom.problem) == (State.CONNECTED, "", "")
    assert Delivery.objects.get().state == Delivery.State.QUEUED


def test_a_lost_key_is_healed_by_a_reconnect(
    teapot: Teapot, browser: Client, tearoom: Connection, settings: Any
) -> None:
    settings.ENCRYPTION_KEYS = encryption.new_key("another")
    come_back(browser, teapot.consent(leave(browser, tearoom)))
    assert Connection.objects.get().access_token in teapot.access


@pytest.mark.parametrize("error", ["access_denied", "server_error", "invalid_scope", "<script>alert(1)</script>"])
def test_a_declined_consent_makes_no_token_call(teapot: Teapot, browser: Client, error: str) -> None:
    state = teapot.consent(leave(browser))["state"]
    description = "CANARY <b>bold</b>"
    response = come_back(browser, {"error": error, "error_description": description, "state": state})
    says(response, "declined" if error == "access_denied" else "provider")
    assert "<b>bold" not in response.content.decode()
    assert "alert(1)" not in response.content.decode()
    assert teapot.calls[TOKEN] == 0
    assert come_back(browser, teapot.consent(leave(browser)) | {"state": state}).status_code == 400


@pytest.mark.parametrize("error", ["access_denied", "server_error"])
def test_a_declined_reconnect_offers_the_same_reconnect(
    teapot: Teapot, browser: Client, tearoom: Connection, error: str
) -> None:
    state = teapot.consent(leave(browser, tearoom))["state"]
    page = come_back(browser, {"error": error, "state": state}).content.decode()
    assert f'action="/admin/integrations/{tearoom.pk}/reconnect"' in page
    assert CONNECT not in page


def test_a_known_account_in_the_place_of_another_is_a_warning_with_another_try(
    teapot: Teapot, browser: Client, tearoom: Connection
) -> None:
    come_back(browser, teapot.consent(leave(browser), account="B2"))
    browser.get("/admin/")  # where the success of before is read
    response = come_back(browser, teapot.consent(leave(browser, tearoom), account="B2"))
    page = response.content.decode()
    assert "notice warn" in page
    assert "is as it was before" in page
    assert f'action="/admin/integrations/{tearoom.pk}/reconnect"' in page
    assert "messagelist" not in page


def test_a_second_callback_makes_no_token_call(teapot: Teapot, browser: Client) -> None:
    answer = teapot.consent(leave(browser))
    come_back(browser, answer)
    says(come_back(browser, answer), "was used before")
    assert teapot.calls[TOKEN] == 1
    assert connected() == 1


def test_twenty_callbacks_at_once_make_one_exchange(
    teapot: Teapot, browser: Client, at_once: Callable[..., list[Any]]
) -> None:
    answer = teapot.consent(leave(browser))

    def another_tab() -> int:
        tab = Client()
        tab.cookies = browser.cookies
        return int(come_back(tab, answer).status_code)

    assert sorted(at_once(20, another_tab)) == [302] + [400] * 19
    assert teapot.calls[TOKEN] == 1
    assert connected() == 1


def test_an_expired_trip_makes_no_token_call(teapot: Teapot, browser: Client) -> None:
    answer = teapot.consent(leave(browser))
    Authorization.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    says(come_back(browser, answer), "longer than ten minutes")
    assert teapot.calls[TOKEN] == 0


FORGED = ["", "forged", "x" * 10_000, "\x00", "é", "a b\r\nc", "' OR 1=1 --"]


@pytest.mark.parametrize("state", FORGED)
def test_a_forged_state_makes_no_token_call(teapot: Teapot, browser: Client, state: str) -> None:
    answer = teapot.consent(leave(browser))
    says(come_back(browser, answer | {"state": state}), "here")
    assert teapot.calls[TOKEN] == 0
    assert Authorization.objects.get().used_at is None


def test_a_callback_out_of_the_blue_makes_no_token_call(teapot: Teapot, browser: Client) -> None:
    says(come_back(browser, {}), "not started here")
    says(come_back(browser, {"code": "CANARY"}), "not started here")
    assert teapot.calls[TOKEN] == 0


def test_a_state_given_twice_is_none(teapot: Teapot, browser: Client) -> None:
    answer = teapot.consent(leave(browser))
    says(browser.get(f"{CALLBACK}?code=CANARY&state={answer['state']}&state=other"), "not started here")


def test_a_missing_code_makes_no_token_call(teapot: Teapot, browser: Client) -> None:
    says(come_back(browser, {"state": teapot.consent(leave(browser))["state"]}), "incomplete")
    assert teapot.calls[TOKEN] == 0


def test_another_user_in_the_same_browser_makes_no_token_call(teapot: Teapot, browser: Client) -> None:
    answer = teapot.consent(leave(browser))
    browser.force_login(somebody("ben"))
    says(come_back(browser, answer), "somebody else")
    assert teapot.calls[TOKEN] == 0


def test_the_same_user_in_another_browser_makes_no_token_call(teapot: Teapot, browser: Client, staff: User) -> None:
    answer = teapot.consent(leave(browser))
    other = Client()
    other.force_login(staff)
    leave(other)
    says(come_back(other, answer), "another browser")
    says(come_back(browser, answer), "was used before")
    assert teapot.calls[TOKEN] == 0


def test_an_answer_at_another_providers_address_makes_no_token_call(teapot: Teapot, browser: Client) -> None:
    answer = teapot.consent(leave(browser))
    Authorization.objects.update(provider="coffeepot")
    says(come_back(browser, answer), "another provider")
    assert teapot.calls[TOKEN] == 0


@pytest.mark.parametrize("issuer", ["https://evil.example", "", "http://[", "javascript:x"])
def test_a_foreign_issuer_makes_no_token_call(teapot: Teapot, browser: Client, issuer: str) -> None:
    says(come_back(browser, teapot.consent(leave(browser)) | {"iss": issuer}), "another provider")
    assert teapot.calls[TOKEN] == 0


def test_the_right_issuer_is_welcome(teapot: Teapot, browser: Client) -> None:
    come_back(browser, teapot.consent(leave(browser)) | {"iss": teapot.url})
    assert connected() == 1


@pytest.mark.parametrize(
    ("misdeed", "sentence"),
    [
        (saying(400, {"error": "invalid_grant", "error_description": "CANARY"}), "may have expired"),
        (saying(401, {"error": "invalid_client"}), "client id"),
        (saying(503), "could not be reached"),
        (saying(200, b"<html>CANARY"), "could not be reached"),
    ],
)
def test_a_failed_exchange_connects_nothing(teapot: Teapot, browser: Client, misdeed: Any, sentence: str) -> None:
    teapot.will(TOKEN, misdeed)
    says(come_back(browser, teapot.consent(leave(browser))), sentence)
    assert not Connection.objects.exists()


def test_an_account_that_does_not_say_who_it_is_is_asked_again(teapot: Teapot, browser: Client) -> None:
    teapot.will("/account", saying(503))
    come_back(browser, teapot.consent(leave(browser)))
    assert connected() == 1
    teapot.will("/account", saying(503), saying(503))
    says(come_back(browser, teapot.consent(leave(browser))), "which account")


def test_a_verifier_that_cannot_be_opened_is_no_crash(teapot: Teapot, browser: Client, settings: Any) -> None:
    answer = teapot.consent(leave(browser))
    settings.ENCRYPTION_KEYS = encryption.new_key("another")
    says(come_back(browser, answer), "start again")
    assert teapot.calls[TOKEN] == 0


def test_somebody_who_is_not_signed_in_is_sent_to_sign_in_without_the_code(teapot: Teapot, browser: Client) -> None:
    answer = teapot.consent(leave(browser))
    response = come_back(Client(), answer)
    assert response["Location"] == "/admin/integrations/teapot/"
    assert come_back(browser, answer).status_code == 302
    assert connected() == 1


def test_the_way_back_is_never_taken_from_the_request(teapot: Teapot, browser: Client) -> None:
    response = browser.post(CONNECT, headers=at_the_site() | {"X-Forwarded-Host": "evil.example"})
    assert parse_qs(urlsplit(leads_on_to(response)).query)["redirect_uri"] == [f"http://localhost:8000{CALLBACK}"]


def test_the_page_that_leads_on_holds_a_state_and_is_kept_nowhere(teapot: Teapot, browser: Client) -> None:
    response = browser.post(CONNECT, headers=at_the_site())
    assert "no-store" in response["Cache-Control"]
    assert response["Referrer-Policy"] == "same-origin"
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["form-action"] == "'self'"


@pytest.mark.parametrize("host", ["alias.example", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST.example:8000"])
def test_at_another_host_it_says_where_to_connect(
    teapot: Teapot, browser: Client, tearoom: Connection, host: str
) -> None:
    """Nobody would be known at the address to which the provider leads back."""
    trips = Authorization.objects.count()
    for address in (CONNECT, reverse("integrations:reconnect", args=[tearoom.pk])):
        response = browser.post(address, headers={"host": host})
        assert response["Location"] == "/admin/integrations/teapot/"
        page = browser.get(response["Location"]).content.decode()
        assert f"You are at {host}, and Teapot leads back to http://localhost:8000" in page
        assert '<a href="http://localhost:8000/admin/integrations/teapot/">' in page
    assert Authorization.objects.count() == trips


@pytest.mark.parametrize("host", ["localhost", "LocalHost:9000"])
def test_another_port_of_the_same_host_is_no_other_host(teapot: Teapot, browser: Client, host: str) -> None:
    assert leads_on_to(browser.post(CONNECT, headers={"host": host}))


def test_old_trips_are_cleared_away(teapot: Teapot, browser: Client) -> None:
    leave(browser)
    Authorization.objects.update(expires_at=timezone.now() - timedelta(days=2))
    leave(browser)
    assert Authorization.objects.count() == 1


def test_no_secret_is_logged_or_kept_in_clear(
    teapot: Teapot, browser: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    answer = teapot.consent(leave(browser))
    come_back(browser, answer)
    teapot.will(TOKEN, saying(400, {"error": "invalid_grant", "error_description": "CANARY"}))
    come_back(browser, teapot.consent(leave(browser)))
    assert "CANARY" not in caplog.text
    assert answer["state"] not in caplog.text
    for model in (Connection, Authorization, LogEntry):
        assert "CANARY" not in str(list(model.objects.values()))
    assert "CANARY" not in str(dict(browser.session))
