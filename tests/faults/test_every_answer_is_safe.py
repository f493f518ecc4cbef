"""Security headers of every answer, for whichever address; and no open redirect leads away from the site."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils.encoding import iri_to_uri

from klaviyo.models import StoreSetting
from sorae.celery import app
from tests.faults import oddities, whole_site

INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=|javascript:", re.IGNORECASE)
FROM_ELSEWHERE = re.compile(rb"<(?:script|link|img|iframe|form)[^>]*?(?:src|href|action)=\"(?:https?:)?//(?!localhost)")
REFERRERS = {"same-origin", "strict-origin", "no-referrer"}
ELSEWHERE = (
    "//evil.example",
    "///evil.example",
    "https://evil.example/",
    "http:evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    " //evil.example",
    "\t//evil.example",
    "/%09/evil.example",
    "//localhost@evil.example",
    "https://localhost.evil.example",
    "////evil.example",
    "https:\\evil.example",
    "http://localhost:8000@evil.example/",
    "//localhost:8000\\@evil.example",
    "ftp://localhost/",
    "/\x00//evil.example",
    "\x00//evil.example",
    "\x1b/admin/",
    "//[broken",
    "",
    " ",
)
STAYS_HERE = ("/%09/", "/\x00//")  # a path of this site, which no browser takes for another's
SCRIPTS = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'-alert(1)-'", "&lt;b&gt;", "\u202e<b>")


@pytest.fixture(autouse=True)
def _refusals_are_not_logged() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def browsers(house: StoreSetting, operator: User) -> list[Client]:
    """A stranger's, and an operator's."""
    signed_in = Client()
    signed_in.force_login(operator)
    return [Client(), signed_in]


def pages(browser: Client) -> list[tuple[str, Any]]:
    found = [route for route in whole_site.routes() if route.name not in ("admin:logout", "klaviyo:settings_remove")]
    return [(str(route), browser.get(whole_site.address(route))) for route in found]


def test_no_page_may_be_framed_guessed_or_told_on(browsers: list[Client]) -> None:
    for browser in browsers:
        for name, answer in pages(browser):
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy, name
            assert "frame-ancestors 'none'" in policy, name
            assert "unsafe" not in policy, name
            assert answer.headers["X-Frame-Options"] == "DENY", name
            assert answer.headers["X-Content-Type-Options"] == "nosniff", name
            assert answer.headers["Referrer-Policy"] in REFERRERS, name
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin", name
            for cookie in filter(lambda cookie: cookie.value, answer.cookies.values()):
                assert cookie["httponly"], (name, cookie)
                assert cookie["samesite"] in ("Lax", "Strict"), (name, cookie)


def test_no_page_runs_anything_written_into_it_or_from_elsewhere(browsers: list[Client]) -> None:
    for browser in browsers:
        for name, answer in pages(browser):
            if "text/html" in answer.headers.get("Content-Type", ""):
                assert not INLINE.search(answer.content), (name, INLINE.search(answer.content))
                assert not FROM_ELSEWHERE.search(answer.content), (name, FROM_ELSEWHERE.search(answer.content))


def test_pages_behind_the_sign_in_are_kept_by_nobody(browsers: list[Client]) -> None:
    of_nobody = {"admin:password_change", "admin:password_change_done", "admin:jsi18n"}
    for name, answer in pages(browsers[1]):
        if answer.request["PATH_INFO"].startswith("/admin/") and answer.status_code == 200 and name not in of_nobody:
            assert "private" in answer.headers.get("Cache-Control", ""), name


@pytest.mark.parametrize("way", ELSEWHERE)
def test_signing_in_leads_nowhere_else(operator: User, way: str) -> None:
    address, home = reverse("admin:login"), reverse("admin:index")
    said = {"username": "operator", "password": "operator"}
    answers = [Client().post(address, said | {"next": way}), Client().post(address, said, query_params={"next": way})]
    leads_to = iri_to_uri(way) if way.startswith(STAYS_HERE) else home
    assert [answer.status_code for answer in answers] == [302, 302]
    assert [answer.headers["Location"] for answer in answers] == [leads_to, leads_to]
    signed_in = Client()
    signed_in.force_login(operator)
    assert signed_in.get(address, {"next": way}).headers["Location"] == home
    assert signed_in.get(home).status_code == 200


@pytest.mark.parametrize("field", ["error", "error_description", "code", "state", "iss"])
def test_what_a_consent_screen_says_is_never_repeated(browsers: list[Client], field: str) -> None:
    callback = reverse("integrations:callback", args=["klaviyo"])
    for script in (*SCRIPTS, "a" * oddities.LONGEST_IN_AN_ADDRESS):
        answer = browsers[1].get(callback, {"state": "unknown", field: script})
        assert answer.status_code == 400
        assert script.encode() not in answer.content


def test_messages_are_json_and_nobody_commands_a_worker_by_pickle() -> None:
    assert set(app.conf.accept_content) == {"json"}
    assert (app.conf.task_serializer, app.conf.event_serializer) == ("json", "json")
    assert app.conf.task_ignore_result
    assert not app.conf.result_backend
    assert not app.conf.task_send_sent_event
    assert not app.conf.worker_send_task_events
