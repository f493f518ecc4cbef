"""A real browser on the site and the sandbox. Whatever a page does wrong on the way fails its test."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from klaviyo.sandbox import Sandbox
from tests import servers

PATIENCE_MS = 120_000


@dataclass
class Watch:
    """What a page may not do: say anything in the console, fail, or ask another host."""

    hosts: set[str]
    complaints: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        is_of_the_page = message.page is not None and message.location["url"] == message.page.url
        is_expected = "status of 400" in message.text or (is_of_the_page and "status of 404" in message.text)
        if message.type in {"error", "warning"} and not is_expected:
            self.complaints.append(f"console: {message.text} ({message.location['url']})")

    def _asked(self, request: Request) -> None:
        if urlsplit(request.url).netloc not in self.hosts and not request.url.startswith("data:"):
            self.complaints.append(f"request to another host: {request.url}")


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One browser for all tests of this folder. Playwright's own loop would keep Django from its database."""
    try:
        path = servers.browser()
    except servers.NotHere as missing:
        pytest.skip(f"The pages in a real browser. {missing}")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site(live_server: LiveServer, sandbox: Sandbox, settings: Settings) -> str:
    """The site's address; its consent screen is the sandbox's."""
    settings.SITE_URL = live_server.url
    return str(live_server.url)


@pytest.fixture
def watch(site: str, sandbox: Sandbox) -> Watch:
    return Watch({urlsplit(url).netloc for url in (site, sandbox.url)})


@pytest.fixture
def page(chromium: Browser, site: str, watch: Watch) -> Iterator[Page]:
    """A page in a browser that remembers nothing."""
    context = chromium.new_context(base_url=site, viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    watch.over(page)
    yield page
    context.close()
    assert watch.complaints == []


@pytest.fixture
def signed_in(page: Page, operator: User) -> Page:
    """The same, with the operator signed in."""
    page.goto("/admin/")
    page.get_by_label("Username").fill("operator")
    page.get_by_label("Password").fill("operator")
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", level=1).wait_for()
    return page
