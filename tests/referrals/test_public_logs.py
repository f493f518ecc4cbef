"""Logs do not hold personal links: unsubscribe links, invites, share links."""

import logging
from typing import Any

import pytest
from django.test import Client
from gunicorn.glogging import SafeAtoms  # type: ignore[import-untyped]

from referrals import lifecycle, messages, throttling
from referrals.models import Advocate, Invite
from sorae.logs import WithoutLinks


@pytest.fixture
def invite(ann: Advocate) -> Invite:
    return lifecycle.invite(ann, "ben@example.com")


@pytest.fixture
def secrets(invite: Invite, settings: Any) -> dict[str, str]:
    """The part of each address that nobody else should have, by what comes before it."""
    token = messages.unsubscribe_address(invite).removeprefix(f"{settings.SITE_URL}/u/")
    return {"u": token, "i": str(invite.uid), "r": invite.advocate.referral_code}


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


@pytest.mark.parametrize("which", ["u", "i", "r"])
def test_a_refused_request_is_logged_without_its_link(
    secrets: dict[str, str], said: pytest.LogCaptureFixture, which: str
) -> None:
    secret = secrets[which]
    browser = Client()
    for path in (
        f"/{which}/{secret}",
        f"/{which}/{secret}/",
        f"/{which}/ {secret}",
        f"/x//{which}//{secret}%0A{secret}",
    ):
        browser.put(path)
        browser.post(path, {"email": "x" * 70_000})
        browser.get(path + "x")
    assert secret not in said.text
    assert f"Method Not Allowed (PUT): /{which}/…" in said.text
    requests = [record for record in said.records if record.name == "django.request"]
    assert [record for record in requests if secret in str(vars(record))] == []


def test_so_is_one_that_came_too_often(
    secrets: dict[str, str], said: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "MOST_POSTS", 0)
    assert Client().post(f"/i/{secrets['i']}", {"email": "x"}).status_code == 429
    assert "Too Many Requests: /i/…" in said.text


def test_so_is_one_that_broke_us(
    secrets: dict[str, str], said: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: Any) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("referrals.unsubscribe_links.invite_of", breaks)
    assert Client(raise_request_exception=False).get(f"/u/{secrets['u']}").status_code == 500
    assert "Internal Server Error: /u/…" in said.text
    assert "RuntimeError: broken" in said.text
    assert secrets["u"] not in said.text


def test_other_addresses_are_logged_as_they_are(db: None, said: pytest.LogCaptureFixture) -> None:
    Client().get("/nowhere/under/it")
    assert "Not Found: /nowhere/under/it" in said.text
    assert hasattr(said.records[-1], "request")


def test_what_goes_to_standard_error_is_cut_whoever_says_it() -> None:
    (stderr,) = (handler for handler in logging.getLogger().handlers if handler.name == "stderr")
    assert any(isinstance(item, WithoutLinks) for item in stderr.filters)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("GET /u/token.x HTTP/1.1", "GET /u/… HTTP/1.1"),
        ("GET /r/ABC?i=uid&channel=x HTTP/1.1", "GET /r/… HTTP/1.1"),
        ("https://referrals.example.com/i/uid?thanks", "https://referrals.example.com/i/…"),
        ("POST /U%2ftoken HTTP/1.1", "POST /U%2f… HTTP/1.1"),
        ("GET /join/tea-house/friends HTTP/1.1", "GET /join/tea-house/friends HTTP/1.1"),
    ],
)
def test_access_logs_of_web_servers_are_cut_too(said: str, shown: str) -> None:
    line = logging.LogRecord("django.server", logging.INFO, "", 0, '"%s" %s %s', (said, "200", "0"), None)
    atoms: Any = SafeAtoms({"r": said, "s": "200"})
    line_of_gunicorn = logging.LogRecord("gunicorn.access", logging.INFO, "", 0, '"%(r)s" %(s)s %(x)s', (atoms,), None)
    for record in (line, line_of_gunicorn):
        assert WithoutLinks().filter(record)
    assert line.getMessage() == f'"{shown}" 200 0'
    assert line_of_gunicorn.getMessage() == f'"{shown}" 200 -'
    assert atoms["r"] == said


@pytest.mark.parametrize("server", ["django.server", "gunicorn.access", "gunicorn.error"])
def test_the_site_watches_the_logs_of_its_web_servers(server: str) -> None:
    import sorae.wsgi  # noqa: F401  (as a web server does)

    assert any(isinstance(item, WithoutLinks) for item in logging.getLogger(server).filters)
