"""Every role at every page of the URL configuration, by every method: who may look, who may act, who neither."""

import itertools
import logging
from collections.abc import Iterator
from urllib.parse import urldefrag

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from integrations.api import tokens
from klaviyo.pages import operators
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate
from tests.browser import house
from tests.faults import stored, whole_site
from tests.faults.whole_site import Route

PAGES = {f"{route}": route for route in whole_site.routes() if str(route).startswith(("integrations:", "klaviyo:"))}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
READING = ("GET", "HEAD", "OPTIONS")

#: For whoever is signed in: it names nobody. The way back from a consent screen asks for itself who may.
OPEN = {"klaviyo:events", "integrations:callback"}
#: What viewers see.
SEEN = {
    "integrations:index",
    "integrations:provider",
    "integrations:connection",
    "integrations:deliveries",
    "integrations:delivery",
    "integrations:activity",
    "integrations:activity_export",
    "integrations:notices",
    "klaviyo:settings",
    "klaviyo:settings_edit",
    "klaviyo:backfill",
    "klaviyo:backfill_run",
    "klaviyo:flows",
    "klaviyo:starter_kit",
    "klaviyo:sends",
    "klaviyo:sends_export",
    "klaviyo:send",
    "klaviyo:people",
    "klaviyo:person_of_send",
    "klaviyo:person_of_advocate",
    "klaviyo:action_runs",
    "klaviyo:action_run",
    "klaviyo:syncs",
    "klaviyo:sync",
    "klaviyo:sync_rows",
    "klaviyo:sync_rows_export",
    "klaviyo:sync_row",
    "klaviyo:sync_run",
}
#: Questions that are forms, so that no address of a person stands in a log; nothing is changed by them.
QUESTIONS = {
    "integrations:deliveries",
    "klaviyo:events",
    "klaviyo:people",
    "klaviyo:sends",
}
#: What is shown, and says in a sentence that it may not be changed.
SAYS_SO = {"klaviyo:settings_edit"}
#: For who administers the site, or whom they choose: of neither group.
ADMINISTRATORS = {
    "integrations:api_tokens",
    "integrations:make_api_token",
    "integrations:revoke_api_token",
}
SESSIONS = ("django_session", "auth_user")

Role = Client


class NothingStays(Exception):
    """Each request meets the same house."""


@pytest.fixture
def filled(ann: Advocate, sandbox: Sandbox) -> Advocate:
    house.fill(ann)
    tokens.make("Till", None, abilities=["read"])
    return ann


@pytest.fixture(autouse=True)
def _refusals_are_not_logged() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def somebody(group: str = "", *, is_staff: bool = True) -> Role:
    operators.ensure_groups()
    user = User.objects.create_user(group or f"staff {is_staff}", is_staff=is_staff)
    if group:
        user.groups.add(Group.objects.get(name=group))
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    return browser


def asked(browser: Role, route: Route, method: str) -> HttpResponse:
    """The answer, when all that it did is taken back."""
    try:
        with transaction.atomic():
            answer = browser.generic(method, whole_site.address(route))
            getattr(answer, "getvalue", bytes)()  # what is sent bit by bit is made now
            raise NothingStays
    except NothingStays:
        return answer  # type: ignore[return-value]


def test_each_page_is_sorted_once() -> None:
    acts = PAGES.keys() - OPEN - SEEN - ADMINISTRATORS
    assert PAGES.keys() >= SEEN | OPEN | ADMINISTRATORS | QUESTIONS | SAYS_SO
    assert not SEEN & (OPEN | ADMINISTRATORS)
    assert len(acts) > 30


@pytest.mark.parametrize("is_member", [False, True], ids=["a stranger", "a customer who is signed in"])
def test_whoever_is_not_of_the_staff_is_led_to_the_log_in(filled: Advocate, is_member: bool) -> None:
    browser = somebody(is_staff=False) if is_member else Client(raise_request_exception=False)
    before = stored.tables(*SESSIONS)
    for (name, route), method in itertools.product(PAGES.items(), METHODS):
        answer = browser.generic(method, whole_site.address(route))
        if answer.status_code == 302:
            leads = answer["Location"]
            assert leads.startswith("/admin/login/") or name == "integrations:callback", (name, method, leads)
        else:
            assert answer.status_code in (403, 405), (name, method, answer.status_code)
    assert stored.tables(*SESSIONS) == before


def test_staff_without_a_permission_sees_and_does_nothing(filled: Advocate, sandbox: Sandbox) -> None:
    browser, count = somebody(), len(sandbox.requests())
    before = stored.tables(*SESSIONS)
    for (name, route), method in itertools.product(PAGES.items(), METHODS):
        answer = browser.generic(method, whole_site.address(route))
        if name in OPEN and method in READING:
            assert answer.status_code in (200, 400, 405), (name, method)
        else:
            assert answer.status_code in (403, 405), (name, method, answer.status_code)
    assert stored.tables(*SESSIONS) == before
    assert len(sandbox.requests()) == count


def test_viewers_look_change_nothing_and_have_klaviyo_asked_nothing(filled: Advocate, sandbox: Sandbox) -> None:
    browser, shown, count = somebody(operators.VIEWERS), set(), len(sandbox.requests())
    before = stored.tables(*SESSIONS, "django_admin_log")
    for (name, route), method in itertools.product(PAGES.items(), METHODS):
        answer = browser.generic(method, whole_site.address(route))
        status = answer.status_code
        if name in OPEN | QUESTIONS | SAYS_SO:
            assert status in (200, 302, 400, 405), (name, method, status)
        elif name in SEEN and method in READING:
            assert status in (200, 405), (name, method, status)
        else:
            assert status in (403, 405), (name, method, status)
        shown |= {name} if status == 200 and method == "GET" else set()
    assert shown | {"integrations:callback"} == SEEN | OPEN
    assert stored.tables(*SESSIONS, "django_admin_log") == before
    assert len(sandbox.requests()) == count


def test_a_viewer_has_no_button_that_acts(filled: Advocate) -> None:
    """Whatever form is on a page that viewers see asks something that they may ask."""
    browser = somebody(operators.VIEWERS)
    allowed = {whole_site.address(PAGES[name]) for name in QUESTIONS} | {"/admin/logout/", "/admin/times"}
    odd = []
    for name in sorted(SEEN - SAYS_SO):
        page = browser.get(address := whole_site.address(PAGES[name]))
        if page.status_code == 200 and "html" in page["Content-Type"]:
            actions = [urldefrag(action).url for action in house.forms(page.content.decode(), address)]
            odd += [(name, action) for action in actions if action not in allowed]
    assert odd == []


def test_operators_do_all_but_what_administrators_do(filled: Advocate) -> None:
    browser, refused = somebody(operators.NAME), set()
    for (name, route), method in itertools.product(PAGES.items(), ("GET", "POST")):
        answer = asked(browser, route, method)
        assert answer.status_code < 500, (name, method)
        refused |= {name} if answer.status_code == 403 else set()
    assert refused == ADMINISTRATORS


def test_no_page_is_changed_by_another_method(filled: Advocate, operator: User) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(operator)
    before = stored.tables(*SESSIONS)
    for (name, route), method in itertools.product(PAGES.items(), ("PUT", "PATCH", "DELETE")):
        answer = browser.generic(method, whole_site.address(route))
        assert answer.status_code == 405, (name, method, answer.status_code)
    assert stored.tables(*SESSIONS) == before
