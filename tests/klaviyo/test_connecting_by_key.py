"""Connecting by a private key against the sandbox, as an operator meets it: pasted, tested, replaced, and let go."""

import io
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection as database
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from integrations import connections, encryption, reasons
from integrations.connections import known_scopes, offers
from integrations.errors import IntegrationError, OperatorRequired, ReconnectRequired
from integrations.models import Connection, Delivery, Offer, Revocation
from integrations.pages import health
from klaviyo import provider
from klaviyo.api import lists, privacy, private_keys, profiles, webhooks
from klaviyo.api.client import Client
from klaviyo.sandbox import Sandbox
from tests.conftest import Connect
from tests.consent_screen import paste
from tests.integrations.operators import somebody, told
from tests.klaviyo.story import TEA

NORDLYS = "Qk7LmA"
State, Kind = Connection.State, Connection.Kind
READING = {"accounts:read", "profiles:read", "events:read", "lists:read"}
NEVER = {"webhooks:read", "webhooks:write"}


@pytest.fixture
def keyed(sandbox: Sandbox, browser_of_the_operator: Browser) -> Connection:
    """Tea House Ltd, connected by a key that may do everything."""
    paste(browser_of_the_operator, sandbox.make_private_key(TEA))
    return Connection.objects.get(account_id=TEA)


def page(browser: Browser, connection: Connection) -> str:
    answer: Any = browser.get(reverse("integrations:connection", args=[connection.pk]))
    return str(answer.content.decode())


def text(answer: Any) -> str:
    return str(answer.content.decode())


def refresh(connection: Connection) -> Connection:
    return Connection.objects.get(pk=connection.pk)


def installs(sandbox: Sandbox) -> int:
    return next(int(seen.installs) for seen in sandbox.accounts() if seen.id == TEA)


def waits(connection: Connection) -> Delivery:
    return Delivery.objects.create(connection=connection, kind="event", key="1", occurred_at=timezone.now())


def test_a_key_is_tested_and_its_account_shown(sandbox: Sandbox, browser_of_the_operator: Browser) -> None:
    key = sandbox.make_private_key(TEA)
    answer: Any = paste(browser_of_the_operator, f"  {key}\n")
    row = Connection.objects.get()
    assert (row.state, row.kind, row.account_id) == (State.CONNECTED, Kind.PRIVATE_KEY, TEA)
    assert (row.account_name, row.timezone, row.currency) == ("Tea House Ltd", "Europe/Helsinki", "EUR")
    assert (row.private_key, row.key_ending, row.access_token, row.refresh_token) == (key, key[-4:], "", "")
    assert row.connected_by == User.objects.get()
    assert (answer["Location"], told(answer)) == (
        f"/admin/klaviyo/accounts/{row.pk}/review",
        "Tea House Ltd is connected.",
    )
    assert LogEntry.objects.get().get_change_message() == "Tea House Ltd is connected."
    assert key not in str(Connection.objects.values().get())
    shown = page(browser_of_the_operator, row)
    assert f"ends in <code>{key[-4:]}</code>" in shown
    assert key[3:-4] not in shown


def test_each_request_carries_the_key_and_no_bearer(sandbox: Sandbox, keyed: Connection) -> None:
    access = connections.access(keyed.pk)
    assert (access.authorization, access.is_renewable) == (f"Klaviyo-API-Key {keyed.private_key}", False)
    assert keyed.private_key not in repr(access) + str(access)
    assert list(lists.all_of(Client(keyed))) is not None
    assert sandbox.requests("oauth_token") == []


@pytest.mark.parametrize(
    ("pasted", "sentence"),
    [
        ("", "Paste a private key."),
        ("   ", "Paste a private key."),
        ("Ab12Cd", "This is a public key"),
        ("Klaviyo-API-Key {}", "Paste the key alone"),
        ("Authorization: Klaviyo-API-Key {}", "Paste the key alone"),
        ("Bearer {}", "Paste the key alone"),
        ("sk_0123456789abcdef0123456789abcdef01", "begins with pk_"),
        ("pk_short", "no whole key"),
        ("{} {}", "no whole key"),
        ("{}\r\nX-Evil: 1", "no whole key"),
        ("pk_ünïcode-0123456789abcdef0123456789", "no whole key"),
        ("pk_" + "a" * 5_000, "no whole key"),
    ],
)
def test_what_is_no_key_is_told_so_and_asked_of_nobody(
    sandbox: Sandbox, browser_of_the_operator: Browser, pasted: str, sentence: str
) -> None:
    key = sandbox.make_private_key(TEA)
    answer: Any = paste(browser_of_the_operator, pasted.format(key, key))
    assert answer.status_code == 400
    assert sentence in text(answer)
    assert key not in text(answer)
    assert sandbox.requests() == []
    assert not Connection.objects.exists()


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (lambda sandbox: sandbox.fault("get_accounts", "unauthorized"), "does not accept this key"),
        (lambda sandbox: sandbox.fault("get_accounts", "503"), "could not be asked"),
        (lambda sandbox: sandbox.fault("get_accounts", "reset"), "could not be asked"),
        (lambda sandbox: sandbox.fault("get_accounts", "not_json"), "could not be asked"),
        (lambda sandbox: sandbox.fault("get_accounts", "429"), "could not be asked"),
    ],
)
def test_a_key_that_cannot_be_tested_is_not_kept(
    sandbox: Sandbox, browser_of_the_operator: Browser, trouble: Any, sentence: str
) -> None:
    trouble(sandbox)
    answer: Any = paste(browser_of_the_operator, sandbox.make_private_key(TEA))
    assert (answer.status_code, sentence in text(answer)) == (400, True)
    assert not Connection.objects.exists()


def test_a_key_that_klaviyo_does_not_know_is_not_kept(sandbox: Sandbox, browser_of_the_operator: Browser) -> None:
    answer: Any = paste(browser_of_the_operator, "pk_" + "0" * 34)
    assert "does not accept this key" in text(answer)
    assert not Connection.objects.exists()


def test_a_key_that_may_not_tell_its_account_is_not_kept(sandbox: Sandbox, browser_of_the_operator: Browser) -> None:
    answer: Any = paste(browser_of_the_operator, sandbox.make_private_key(TEA, ["profiles:read"]))
    assert "may not say which account" in text(answer)
    assert not Connection.objects.exists()


def test_scopes_that_read_are_known_at_once_and_the_others_at_first_use(
    sandbox: Sandbox, browser_of_the_operator: Browser
) -> None:
    paste(browser_of_the_operator, sandbox.make_private_key(TEA, ["accounts:read", "profiles:read", "profiles:write"]))
    row = Connection.objects.get()
    assert row.granted == {"accounts:read", "profiles:read"}
    assert set(row.refused_scopes.split()) == {"events:read", "lists:read"} | NEVER
    assert row.lacks(["events:read", "events:write", "profiles:read"]) == ["events:read"]
    found = health.of(row)
    assert (found.headline, found.level) == ("Scopes missing", "bad")
    shown = page(browser_of_the_operator, row)
    assert (shown.count("Missing</span>"), shown.count("OAuth only</span>")) == (2, 2)
    assert shown.count("Untried</span>") == 5

    client = Client(row)
    profiles.upsert(client, profiles.body_of({"email": "ann@example.com"}))
    assert "profiles:write" in refresh(row).granted
    with pytest.raises(OperatorRequired):
        privacy.request_deletion(client, "ann@example.com")
    assert refresh(row).lacks(["data-privacy:write", "events:write"]) == ["data-privacy:write"]
    assert page(browser_of_the_operator, row).count("Untried</span>") == 3


def test_what_an_answer_tells_of_several_scopes_is_not_guessed(sandbox: Sandbox, keyed: Connection) -> None:
    unsettled = {"lists:write", "subscriptions:write"}
    with pytest.raises(OperatorRequired), known_scopes.learning_scopes(keyed, " ".join(unsettled)):
        raise OperatorRequired(reasons.of(known_scopes.MISSING))
    assert refresh(keyed).lacks(unsettled) == []
    with known_scopes.learning_scopes(keyed, "lists:write"):
        pass
    with pytest.raises(OperatorRequired), known_scopes.learning_scopes(keyed, " ".join(unsettled)):
        raise OperatorRequired(reasons.of(known_scopes.MISSING))
    assert refresh(keyed).lacks(unsettled) == ["subscriptions:write"]
    with known_scopes.learning_scopes(refresh(keyed), "subscriptions:write"):
        pass
    assert refresh(keyed).lacks(unsettled) == []


def test_nothing_is_learned_of_a_key_from_answers_to_another(
    sandbox: Sandbox, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    paste(browser_of_the_operator, sandbox.make_private_key(TEA), keyed)
    with pytest.raises(OperatorRequired), known_scopes.learning_scopes(keyed, "events:write"):
        raise OperatorRequired(reasons.of(known_scopes.MISSING))
    assert refresh(keyed).lacks(["events:write"]) == []


def test_each_scope_that_reads_is_probed(keyed: Connection) -> None:
    reading = {scope.name for scope in provider.SCOPES if scope.name.endswith(":read")} - NEVER
    assert reading == set(private_keys.CHEAPEST) | {"accounts:read"}
    assert keyed.granted == reading


@pytest.mark.parametrize("kind", ["500", "429", "not_json", "reset"])
def test_a_scope_of_which_the_answer_says_nothing_stays_unknown(
    sandbox: Sandbox, browser_of_the_operator: Browser, kind: str
) -> None:
    sandbox.fault("get_events", kind)
    paste(browser_of_the_operator, sandbox.make_private_key(TEA))
    row = Connection.objects.get()
    assert row.granted == READING - {"events:read"}
    assert row.lacks(["events:read"]) == []


def test_nobody_waits_long_for_scopes(
    sandbox: Sandbox, browser_of_the_operator: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_keys, "PATIENCE_SECONDS", -1.0)
    paste(browser_of_the_operator, sandbox.make_private_key(TEA))
    row = Connection.objects.get()
    assert row.granted == {"accounts:read"}
    assert row.lacks(READING) == []
    assert [one.operation for one in sandbox.requests()] == ["get_accounts"]
    assert list(lists.all_of(Client(row))) is not None
    assert refresh(row).granted == {"accounts:read", "lists:read"}


def test_a_key_is_sealed_again_under_a_new_encryption_key(
    sandbox: Sandbox, browser_of_the_operator: Browser, connection: Connection, settings: Settings
) -> None:
    key = sandbox.make_private_key(TEA)
    paste(browser_of_the_operator, key)
    newer = encryption.new_key("newer")
    settings.ENCRYPTION_KEYS = f"{newer},{settings.ENCRYPTION_KEYS}"
    call_command("rotate_encryption_keys", stdout=io.StringIO())
    settings.ENCRYPTION_KEYS = newer
    connections.accept(Offer.objects.get(), User.objects.get())
    assert (refresh(connection).private_key, connections.probe(refresh(connection)).passed) == (key, True)


def test_a_refused_key_asks_for_a_new_one_at_once(
    sandbox: Sandbox, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    held = waits(keyed)
    sandbox.revoke_private_key(TEA, keyed.private_key)
    asked = len(sandbox.requests())
    with pytest.raises(ReconnectRequired):
        list(lists.all_of(Client(keyed)))
    assert len(sandbox.requests()) == asked + 1, "there is nothing to renew, so nothing is asked twice"
    row = refresh(keyed)
    assert (row.state, row.problem_code) == (State.RECONNECT, "key_refused")
    assert row.problem == "The key no longer works: paste a new one."
    held.refresh_from_db()
    assert held.state == Delivery.State.HELD
    assert "paste a new one" in page(browser_of_the_operator, row)

    form = browser_of_the_operator.post(reverse("integrations:reconnect", args=[row.pk]))
    assert form["Location"] == reverse("integrations:reconnect_by_key", args=[row.pk])
    paste(browser_of_the_operator, sandbox.make_private_key(TEA), row)
    row = refresh(keyed)
    assert (row.state, row.problem, Connection.objects.count()) == (State.CONNECTED, "", 1)
    held.refresh_from_db()
    assert held.state == Delivery.State.QUEUED


def test_a_health_check_of_a_refused_key_says_the_same(sandbox: Sandbox, keyed: Connection) -> None:
    assert connections.probe(keyed).passed
    sandbox.revoke_private_key(TEA, keyed.private_key)
    assert connections.probe(keyed).code == "key_refused"
    assert (refresh(keyed).state, refresh(keyed).problem_code) == (State.RECONNECT, "key_refused")


def test_a_key_replaced_meanwhile_is_taken_instead(
    sandbox: Sandbox, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    client = Client(keyed)
    old = connections.access(keyed.pk)
    sandbox.revoke_private_key(TEA, keyed.private_key)
    paste(browser_of_the_operator, sandbox.make_private_key(TEA), keyed)
    assert connections.renew(keyed.pk, old.generation).generation == old.generation + 1
    assert list(lists.all_of(client)) is not None
    assert refresh(keyed).is_connected


def test_keys_are_never_renewed(sandbox: Sandbox, keyed: Connection) -> None:
    assert connections.renew_due() == 0
    assert refresh(keyed).generation == keyed.generation
    assert sandbox.requests("oauth_token") == []


def test_a_key_of_a_different_account_waits_for_a_decision(
    sandbox: Sandbox, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    answer: Any = paste(browser_of_the_operator, sandbox.make_private_key(NORDLYS), keyed)
    other = Connection.objects.get(account_id=NORDLYS)
    assert (other.state, other.replaces, other.kind) == (State.UNDECIDED, keyed, Kind.PRIVATE_KEY)
    assert answer["Location"] == reverse("integrations:decide", args=[other.pk])
    assert told(answer).endswith("This key opens Nordlys Coffee, not Tea House Ltd.")
    assert refresh(keyed).private_key == keyed.private_key
    with pytest.raises(ReconnectRequired):
        connections.access(other.pk)
    browser_of_the_operator.post(answer["Location"], {"choice": "discard"})
    assert list(Connection.objects.all()) == [keyed]


def test_a_key_of_another_account_that_is_connected_renews_that(
    sandbox: Sandbox, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    paste(browser_of_the_operator, sandbox.make_private_key(NORDLYS))
    newer = sandbox.make_private_key(NORDLYS)
    answer: Any = paste(browser_of_the_operator, newer, keyed)
    assert "This key opens Nordlys Coffee, which is connected already" in text(answer)
    assert "paste a key of that account" in text(answer)
    assert Connection.objects.get(account_id=NORDLYS).private_key == newer
    assert refresh(keyed).private_key == keyed.private_key


def offered(answer: Any) -> str:
    offer = Offer.objects.get()
    assert answer["Location"] == reverse("integrations:offer", args=[offer.pk])
    return str(answer["Location"])


def test_a_key_for_an_account_on_oauth_takes_over_only_when_somebody_says_so(
    sandbox: Sandbox, browser_of_the_operator: Browser, connection: Connection
) -> None:
    waiting = waits(connection)
    key = sandbox.make_private_key(TEA)
    address = offered(paste(browser_of_the_operator, key))
    assert (refresh(connection).kind, Connection.objects.count()) == (Kind.OAUTH, 1)
    asked: Any = browser_of_the_operator.get(address)
    assert "is connected by OAuth" in text(asked)
    assert key not in text(asked) + str(Offer.objects.values())

    browser_of_the_operator.post(address, {"choice": "replace"})
    row = refresh(connection)
    assert (row.kind, row.private_key, row.access_token, row.refresh_token) == (Kind.PRIVATE_KEY, key, "", "")
    assert (row.state, row.access_expires_at, Connection.objects.count()) == (State.CONNECTED, None, 1)
    assert (Offer.objects.count(), waiting in row.deliveries.all()) == (0, True)
    assert connections.probe(row).passed
    assert not Revocation.objects.exists()
    assert (installs(sandbox), len(sandbox.requests("oauth_revoke"))) == (0, 1)
    assert connections.probe(row).passed, "the key outlives the grant"
    answer: Any = browser_of_the_operator.post(address, {"choice": "replace"})
    assert "decided already" in told(answer)


def test_a_grant_that_was_replaced_is_revoked_later_where_klaviyo_cannot_be_reached(
    sandbox: Sandbox, browser_of_the_operator: Browser, connection: Connection
) -> None:
    grant = connection.refresh_token
    sandbox.fault("oauth_revoke", "503")
    paste(browser_of_the_operator, sandbox.make_private_key(TEA), connection)
    assert (Revocation.objects.get().token, installs(sandbox)) == (grant, 1)
    assert "Revocation pending" in page(browser_of_the_operator, connection)
    Revocation.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert (connections.revoke_due(), installs(sandbox)) == (1, 0)
    assert connections.probe(refresh(connection)).passed


def test_a_key_that_is_not_wanted_is_forgotten(
    sandbox: Sandbox, browser_of_the_operator: Browser, connection: Connection
) -> None:
    address = offered(paste(browser_of_the_operator, sandbox.make_private_key(TEA)))
    browser_of_the_operator.post(address, {"choice": "discard"})
    assert not Offer.objects.exists()
    assert (refresh(connection).kind, refresh(connection).generation) == (Kind.OAUTH, connection.generation)
    assert connections.probe(connection).passed


def test_a_grant_for_an_account_on_a_key_takes_over_only_when_somebody_says_so(
    sandbox: Sandbox, connect: Connect, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    address = offered(connect(TEA))
    assert refresh(keyed).kind == Kind.PRIVATE_KEY
    answer: Any = browser_of_the_operator.post(address, {"choice": "replace"})
    assert "Delete the key in Klaviyo, too" in told(answer)
    row = refresh(keyed)
    assert (row.kind, row.private_key, row.key_ending, row.refused_scopes) == (Kind.OAUTH, "", "", "")
    assert row.granted == {scope.name for scope in provider.SCOPES}
    assert connections.probe(row).passed
    assert Connection.objects.count() == 1


@pytest.mark.parametrize("how", ["discarded", "forgotten"])
def test_a_grant_that_is_not_wanted_is_revoked(
    sandbox: Sandbox, connect: Connect, browser_of_the_operator: Browser, keyed: Connection, how: str
) -> None:
    address = offered(connect(TEA))
    if how == "discarded":
        browser_of_the_operator.post(address, {"choice": "discard"})
    Offer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    connections.revoke_due()
    assert installs(sandbox) == 0
    assert not Offer.objects.exists()
    assert connections.probe(keyed).passed


def test_asked_for_on_the_accounts_own_page_the_other_kind_needs_no_question(
    sandbox: Sandbox, connect: Connect, browser_of_the_operator: Browser, connection: Connection
) -> None:
    own = reverse("integrations:connection", args=[connection.pk])
    assert reverse("integrations:reconnect_by_key", args=[connection.pk]) in text(browser_of_the_operator.get(own))
    paste(browser_of_the_operator, sandbox.make_private_key(TEA), connection)
    assert refresh(connection).kind == Kind.PRIVATE_KEY
    assert 'name="by" value="oauth"' in text(browser_of_the_operator.get(own))
    answer = browser_of_the_operator.post(
        reverse("integrations:reconnect", args=[connection.pk]), {"by": "oauth"}, headers={"host": "localhost:8000"}
    )
    assert answer.status_code == 200
    assert not Offer.objects.exists()


def test_an_offer_is_its_users_own_and_runs_out(
    sandbox: Sandbox, browser_of_the_operator: Browser, connection: Connection
) -> None:
    address = offered(paste(browser_of_the_operator, sandbox.make_private_key(TEA)))
    stranger = Browser()
    stranger.force_login(somebody("ben"))
    stranger.post(address, {"choice": "replace"})
    assert refresh(connection).kind == Kind.OAUTH
    Offer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    browser_of_the_operator.post(address, {"choice": "replace"})
    assert refresh(connection).kind == Kind.OAUTH
    offers.drop_expired()
    assert not Offer.objects.exists()


def test_disconnecting_deletes_the_key_here_and_says_where_else(
    sandbox: Sandbox, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    address = reverse("integrations:disconnect", args=[keyed.pk])
    assert "Delete the key in Klaviyo, too" in text(browser_of_the_operator.get(address))
    answer: Any = browser_of_the_operator.post(address)
    assert "Its key is deleted here. Delete the key in Klaviyo, too" in told(answer)
    row = refresh(keyed)
    assert (row.state, row.private_key, row.key_ending) == (State.DISCONNECTED, "", "")
    assert sandbox.requests("oauth_revoke") == []
    assert not Revocation.objects.exists()
    with pytest.raises(ReconnectRequired):
        connections.access(row.pk)
    paste(browser_of_the_operator, sandbox.make_private_key(TEA))
    assert (refresh(keyed).state, Connection.objects.count()) == (State.CONNECTED, 1)


def test_an_account_that_was_let_go_comes_back_by_other_means_without_a_question(
    sandbox: Sandbox, connect: Connect, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    connections.disconnect(keyed, None)
    connect(TEA)
    assert (refresh(keyed).state, refresh(keyed).kind) == (State.CONNECTED, Kind.OAUTH)
    assert (Connection.objects.count(), Offer.objects.count()) == (1, 0)


def test_a_key_locked_with_a_lost_key_says_reconnect(
    sandbox: Sandbox, browser_of_the_operator: Browser, keyed: Connection, settings: Settings
) -> None:
    settings.ENCRYPTION_KEYS = "other:OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="
    assert connections.probe(keyed).code == "undecryptable"
    assert (refresh(keyed).state, refresh(keyed).problem_code) == (State.RECONNECT, "undecryptable")
    assert page(browser_of_the_operator, keyed)
    paste(browser_of_the_operator, sandbox.make_private_key(TEA), keyed)
    assert connections.probe(refresh(keyed)).passed


def test_a_key_cannot_be_copied_into_another_row(
    sandbox: Sandbox, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    paste(browser_of_the_operator, sandbox.make_private_key(NORDLYS))
    with database.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_connection SET private_key = (SELECT private_key FROM integrations_connection "
            "WHERE account_id = %s) WHERE account_id = %s",
            [TEA, NORDLYS],
        )
    assert connections.probe(Connection.objects.get(account_id=NORDLYS)).code == "undecryptable"


def test_the_form_shows_no_key_and_says_how_to_make_one(sandbox: Sandbox, browser_of_the_operator: Browser) -> None:
    overview = text(browser_of_the_operator.get(reverse("integrations:provider", args=["klaviyo"])))
    address = reverse("integrations:connect_by_key", args=["klaviyo"])
    assert f'href="{address}"' in overview
    form: Any = browser_of_the_operator.get(address)
    assert 'type="password" name="key" autocomplete="off"' in text(form)
    assert "Settings → Account → API keys → Create Private API Key" in text(form)
    for scope in provider.SCOPES:
        assert (f"<code>{scope.name}</code>" in text(form)) == (scope.name not in NEVER)
    assert "no-store" in form["Cache-Control"]


@pytest.mark.parametrize(("missing", "name"), [("connect", "connect_by_key"), ("reconnect", "reconnect_by_key")])
def test_pasting_needs_the_permission_and_a_token_against_forgery(
    sandbox: Sandbox, connection: Connection, missing: str, name: str
) -> None:
    address = reverse(f"integrations:{name}", args=["klaviyo" if name == "connect_by_key" else connection.pk])
    key, before = sandbox.make_private_key(TEA), list(Connection.objects.values())
    browser = Browser()
    assert browser.post(address, {"key": key}).status_code == 302
    browser.force_login(somebody("ben", missing))
    assert browser.get(address).status_code == browser.post(address, {"key": key}).status_code == 403
    careful = Browser(enforce_csrf_checks=True)
    careful.force_login(somebody("cid"))
    assert careful.post(address, {"key": key}).status_code == 403
    assert list(Connection.objects.values()) == before
    assert sandbox.requests() == []


def test_webhooks_are_left_to_oauth_and_no_request_is_made_for_them(sandbox: Sandbox, keyed: Connection) -> None:
    assert keyed.lacks(NEVER) == sorted(NEVER)
    with pytest.raises(IntegrationError):
        webhooks.topics(Client(keyed))


def test_all_keys_of_an_account_spend_from_one_budget(
    sandbox: Sandbox, browser_of_the_operator: Browser, keyed: Connection
) -> None:
    budget = Client(keyed)._budgets(lists.GET_LISTS, None)
    paste(browser_of_the_operator, sandbox.make_private_key(TEA), keyed)
    assert Client(refresh(keyed))._budgets(lists.GET_LISTS, None) == budget


def test_no_log_holds_a_key(
    sandbox: Sandbox, browser_of_the_operator: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = sandbox.make_private_key(TEA)
    paste(browser_of_the_operator, f"Bearer {key}")
    paste(browser_of_the_operator, key)
    sandbox.revoke_private_key(TEA, key)
    connections.probe(Connection.objects.get())
    assert "key_refused" in caplog.text
    assert key not in caplog.text
