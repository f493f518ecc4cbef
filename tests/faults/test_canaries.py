"""Canary tokens and canary people, through all that can happen: they are where they belong, and nowhere else."""

import io
import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.core.management import call_command
from django.test import Client
from django.utils.log import AdminEmailHandler
from pytest_django import Settings

from integrations import connections
from integrations.connections import accounts, oauth
from integrations.errors import IntegrationError
from integrations.models import Authorization, Connection, HealthCheck, Offer, Revocation
from integrations.outbox import wake_ups
from klaviyo.models import ConsentWatch
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests import consent_screen
from tests.conftest import Drain
from tests.faults import marked, whole_site
from tests.faults.marked import MARK, Overheard
from tests.klaviyo import canary
from tests.klaviyo.canary import BIRD
from tests.klaviyo.story import TEA, make_due
from tests.klaviyo.webhooks import notices

MAY_HOLD_PEOPLE = {
    # the people themselves, and what they did
    "referrals_advocate": {"email", "first_name", "last_name", "phone", "tier"},
    "referrals_invite": {"recipient_email", "recipient_name"},
    "referrals_visit": {"landing_page", "referrer"},
    "referrals_landing": {"landing_page", "referrer"},
    "referrals_conversion": {"friend_email", "friend_first_name", "friend_last_name", "friend_phone"},
    "referrals_reward": {"recipient_email"},
    "referrals_optin": {"email", "first_name", "phone"},
    "referrals_optout": {"email"},
    # what is told of them, until it is done with; and what an account has told us
    "integrations_delivery": {"subject", "body", "options", "warnings", "evidence", "reason"},
    "klaviyo_consentdecision": {"evidence", "sentence"},
    "klaviyo_notice": {"email", "payload"},
}
TOKEN_FAULTS = ("500", "truncated", "accept_then_drop", "not_json", "html_403", "invalid_grant")
API_FAULTS = ("429", "500", "html_403", "unauthorized", "missing_scope", "not_json", "reset", "truncated", "redirect")


@pytest.fixture
def _marked_app(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named before `sandbox`, which takes the app as it is then."""
    settings.KLAVIYO_CLIENT_SECRET = marked.CLIENT_SECRET
    marked.mark_tokens(monkeypatch)
    verifier = oauth.new_verifier
    monkeypatch.setattr(oauth, "new_verifier", lambda: MARK + verifier()[len(MARK) :])


@pytest.fixture
def heard(
    _marked_app: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[Overheard]:
    monkeypatch.setattr(wake_ups, "PATIENCE_SECONDS", 60.0)  # on a slow machine as well, all messages are sent
    with marked.listening(monkeypatch, caplog) as heard:
        yield heard


@pytest.fixture
def lived(
    heard: Overheard,
    sandbox: Sandbox,
    browser_of_the_operator: Client,
    connection: Connection,
    ann: Advocate,
    drain: Drain,
) -> Connection:
    """Everything happens, to Ann and to a marked person; the account is connected, refused, lost and found again."""
    canary.tell_of(ann)
    drain()
    canary.remind(ann)
    be_told(connection)
    have_bad_days(sandbox, ann, drain)
    have_bad_tokens(sandbox, connection)
    go_to_the_consent_screen(sandbox, browser_of_the_operator, connection)
    sandbox.expire_tokens(TEA)
    connections.probe_all()
    make_due()
    drain()
    connection.refresh_from_db()
    return connection


def be_told(connection: Connection) -> None:
    watch = notices.watch_of(connection)
    watch.secret = marked.WEBHOOK_SECRET
    watch.save()
    raw = notices.body(notices.item(email=BIRD))
    assert notices.post(raw, notices.signed(raw, marked.WEBHOOK_SECRET)) == 200
    assert notices.post(raw, notices.signed(raw, "x" * 40)) == 403


def have_bad_days(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    """Each fault of the API once, with something waiting about everybody."""
    bird = Advocate.objects.get(email=BIRD)
    for kind in API_FAULTS:
        sandbox.fault("*", kind)
        for person in (ann, bird):
            lifecycle.update(person, tier=f"{person.tier[:9]} {kind}")
        drain()
        make_due()
    sandbox.clear_faults()
    connections.probe_all()


def have_bad_tokens(sandbox: Sandbox, connection: Connection) -> None:
    for kind in TOKEN_FAULTS:
        sandbox.fault("oauth_token", kind)
        Connection.objects.update(refresh_failures=0, refresh_lease=None, refresh_lease_until=None)
        connection.refresh_from_db()
        with suppress(IntegrationError):
            connections.renew(connection.pk, connection.generation)
        sandbox.clear_faults()


def go_to_the_consent_screen(sandbox: Sandbox, browser: Client, connection: Connection) -> None:
    """And back: allowed, declined, broken off, and in the end allowed."""
    again = f"/admin/integrations/{connection.pk}/reconnect"
    assert consent_screen.visit(browser, start=again).status_code == 302
    consent_screen.visit(browser, decision="decline")
    for kind in ("not_json", "accept_then_drop", "500"):
        sandbox.fault("oauth_token", kind)
        assert consent_screen.visit(browser, start=again).status_code == 400
    assert consent_screen.visit(browser, start=again).status_code == 302


def test_tokens_stand_nowhere_in_clear(
    lived: Connection, heard: Overheard, browser_of_the_operator: Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert lived.is_connected
    for secret in (lived.access_token, lived.refresh_token, Authorization.objects.latest("created_at").code_verifier):
        assert MARK in secret
    assert MARK in ConsentWatch.objects.get().secret
    addresses = [whole_site.address(route) for route in whole_site.routes() if route.name != "admin:logout"]
    heard.look(browser_of_the_operator, addresses)
    assert marked.columns_with(MARK) == set()
    assert MARK not in marked.kept_by_sessions_and_caches()
    assert MARK not in caplog.text
    assert [message for message in heard.messages if MARK in message] == []
    assert [address for address, page in heard.pages.items() if MARK in page] == []
    assert len(heard.messages) > 5
    assert len(heard.pages) > 100


def test_keys_stand_nowhere_in_clear(
    heard: Overheard,
    sandbox: Sandbox,
    browser_of_the_operator: Client,
    connection: Connection,
    ann: Advocate,
    drain: Drain,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Pasted badly, refused, offered, taken, used on bad days, dead, replaced; and an offer that is open."""
    browser, key = browser_of_the_operator, sandbox.make_private_key(TEA)
    said = [consent_screen.paste(browser, f"{scheme} {key}") for scheme in ("Bearer", "Klaviyo-API-Key", key)]
    for kind in ("500", "unauthorized", "missing_scope", "not_json", "html_403", "reset"):
        sandbox.fault("get_accounts", kind)
        said.append(consent_screen.paste(browser, key))
    said.append(consent_screen.paste(browser, key))
    offer = Offer.objects.get()
    said += [browser.get(f"/admin/integrations/offers/{offer.pk}/")]
    said += [browser.post(f"/admin/integrations/offers/{offer.pk}/", {"choice": "replace"}, follow=True)]
    connection.refresh_from_db()
    assert MARK in connection.private_key
    canary.tell_of(ann)
    drain()
    have_bad_days(sandbox, ann, drain)
    sandbox.revoke_private_key(TEA, connection.private_key)
    connections.probe_all()
    drain()
    said.append(consent_screen.paste(browser, sandbox.make_private_key(TEA), connection))
    assert Connection.objects.get().is_connected
    consent_screen.visit(browser)
    assert MARK in Offer.objects.get().access

    dumped = io.StringIO()
    call_command("dumpdata", stdout=dumped)
    connection.refresh_from_db()
    printed = [connection, Offer.objects.get(), connections.access(connection.pk), vars(connection)]
    addresses = [whole_site.address(route) for route in whole_site.routes() if route.name != "admin:logout"]
    heard.look(browser, [*addresses, f"/admin/integrations/offers/{Offer.objects.get().pk}/"])
    pages = [f"{dict(one.headers)} {one.content.decode()}" for one in said]  # type: ignore[attr-defined]
    assert marked.columns_with(MARK) == set()
    assert MARK not in marked.kept_by_sessions_and_caches() + caplog.text + dumped.getvalue() + str(printed)
    assert [one for one in (*heard.messages, *pages, *heard.pages.values()) if MARK in one] == []
    assert len(heard.pages) > 100


def test_a_fault_of_our_own_tells_no_key(
    heard: Overheard,
    sandbox: Sandbox,
    browser_of_the_operator: Client,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(accounts, "store", broken)
    browser_of_the_operator.raise_request_exception = False
    answer = consent_screen.paste(browser_of_the_operator, sandbox.make_private_key(TEA))
    assert answer.status_code == 500
    assert "RuntimeError: broken" in caplog.text
    assert MARK not in caplog.text + answer.content.decode()  # type: ignore[attr-defined]


def test_an_account_that_is_let_go_leaves_no_token_behind(
    lived: Connection,
    sandbox: Sandbox,
    browser_of_the_operator: Client,
    heard: Overheard,
    caplog: pytest.LogCaptureFixture,
) -> None:
    sandbox.fault("oauth_revoke", "503")
    browser_of_the_operator.post(f"/admin/integrations/{lived.pk}/disconnect", {"waiting": "cancel"})
    assert MARK in Revocation.objects.get().token
    assert marked.columns_with(MARK) == set()
    Revocation.objects.update(next_try_at=Revocation.objects.get().created_at)
    connections.revoke_due()
    assert not Revocation.objects.exists()
    lived.refresh_from_db()
    assert (lived.access_token, lived.refresh_token) == ("", "")
    assert MARK not in caplog.text + str(heard.messages)


def test_no_dump_and_no_printed_object_holds_a_token(lived: Connection) -> None:
    dumped = io.StringIO()
    call_command("dumpdata", stdout=dumped)
    assert lived.account_name in dumped.getvalue()
    printed: list[Any] = [
        lived,
        Authorization.objects.latest("created_at"),
        ConsentWatch.objects.get(),
        HealthCheck.objects.first(),
        connections.access(lived.pk),
        vars(lived),
        Connection.objects.values().get(pk=lived.pk),
    ]
    for said in (dumped.getvalue(), repr(printed), str(printed), [f"{one}" for one in printed]):
        assert MARK not in str(said)


def test_a_fault_of_our_own_tells_no_secret_and_nobody_by_e_mail(
    lived: Connection,
    browser_of_the_operator: Client,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("broken")

    settings.ADMINS = [("", "admin@example.com")]
    monkeypatch.setattr(accounts, "store", broken)
    browser_of_the_operator.raise_request_exception = False
    answer = consent_screen.visit(browser_of_the_operator)
    assert answer.status_code == 500
    assert "RuntimeError: broken" in caplog.text
    assert MARK not in caplog.text + answer.content.decode()  # type: ignore[attr-defined]
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in logging.root.manager.loggerDict)]
    assert [one for one in loggers for handler in one.handlers if isinstance(handler, AdminEmailHandler)] == []
    assert mail.outbox == []


def test_people_stand_only_where_they_are_meant_to(
    lived: Connection, heard: Overheard, caplog: pytest.LogCaptureFixture
) -> None:
    held = marked.columns_with(*canary.MARKS)
    allowed = {f"{table}.{column}" for table, columns in MAY_HOLD_PEOPLE.items() for column in columns}
    assert held - allowed == set()
    assert {table for table in MAY_HOLD_PEOPLE if any(place.startswith(f"{table}.") for place in held)} > {
        "referrals_advocate",
        "referrals_invite",
        "integrations_delivery",
        "klaviyo_notice",
    }
    elsewhere = (caplog.text + str(heard.messages) + marked.kept_by_sessions_and_caches()).lower()
    assert [mark for mark in canary.MARKS if mark in elsewhere] == []


def test_each_column_that_may_hold_people_is_there() -> None:
    columns = {model._meta.db_table: {field.column for field in model._meta.fields} for model in apps.get_models()}
    for table, wanted in MAY_HOLD_PEOPLE.items():
        assert wanted <= columns[table], table
