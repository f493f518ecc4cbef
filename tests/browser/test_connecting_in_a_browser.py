"""An operator and a Klaviyo account: there, back again, and apart."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect
from pytest_django import Settings

from integrations.models import Connection, Delivery
from klaviyo import account_lists
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedList
from referrals.models import Advocate, Store
from tests.browser.conftest import Watch
from tests.conftest import TEA_HOUSE_LTD, Drain


def test_an_operator_connects_an_account(signed_in: Page, sandbox: Sandbox) -> None:
    page = signed_in
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Integrations").click()
    page.get_by_role("main").get_by_role("link", name="Klaviyo", exact=True).click()
    page.get_by_role("link", name="Enable Klaviyo").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("heading", name="Sorae asks for access to Klaviyo")).to_be_visible()

    page.get_by_text("Nordlys Coffee").click()
    page.get_by_role("button", name="Allow").click()

    expect(page.get_by_role("link", name="Nordlys Coffee").first).to_be_visible()
    assert "code=" not in page.url
    assert Connection.objects.get().account_name == "Nordlys Coffee"


class Elsewhere(BaseHTTPRequestHandler):
    """An authorize address that leads on to the consent screen at another origin."""

    screen = ""

    def do_GET(self) -> None:
        self.send_response(302)
        self.send_header("Location", f"{self.screen}?{urlsplit(self.path).query}")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not in the way of the tests' own words."""


@pytest.fixture
def behind_a_redirect(sandbox: Sandbox, settings: Settings, watch: Watch) -> Iterator[None]:
    handler = type("ToTheSandbox", (Elsewhere,), {"screen": settings.KLAVIYO_AUTHORIZE_URL})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        origin = f"127.0.0.1:{server.server_port}"
        watch.hosts.add(origin)
        settings.KLAVIYO_AUTHORIZE_URL = f"http://{origin}/oauth/authorize"
        yield
        server.shutdown()


def test_a_consent_screen_behind_a_redirect_is_reached(signed_in: Page, behind_a_redirect: None) -> None:
    page = signed_in
    page.goto("/admin/integrations/klaviyo/")
    page.get_by_role("link", name="Enable Klaviyo").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Nordlys Coffee").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("link", name="Nordlys Coffee").first).to_be_visible()

    page.go_back()
    page.goto("/admin/integrations/klaviyo/")
    assert Connection.objects.get().account_name == "Nordlys Coffee"


def test_declining_is_told_from_failing_and_makes_no_token_call(signed_in: Page, sandbox: Sandbox) -> None:
    page = signed_in
    page.goto("/admin/integrations/klaviyo/")
    page.get_by_role("link", name="Enable Klaviyo").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Decline").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Not connected")
    assert sandbox.requests("oauth_token") == []
    assert not Connection.objects.exists()

    page.get_by_role("link", name="Start again").click()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("link", name="Tea House Ltd").first).to_be_visible()


def test_a_store_is_joined_with_a_list_found_by_searching(
    signed_in: Page, connection: Connection, tea_house: Store, sandbox: Sandbox
) -> None:
    sandbox.put_lists(TEA_HOUSE_LTD, [SeedList(f"List {number}") for number in range(25)])
    sandbox.put_lists(TEA_HOUSE_LTD, [SeedList("Friends of tea", id="TeaFri")])
    account_lists.take_all()
    page = signed_in
    page.goto("/admin/klaviyo/settings/")
    page.get_by_role("link", name="Join a store").first.click()
    page.get_by_label("Store", exact=True).select_option("Tea House")
    page.get_by_label("Klaviyo account").select_option(label=f"Tea House Ltd ({TEA_HOUSE_LTD})")
    page.get_by_role("button", name="Go on").click()

    page.get_by_placeholder("Search lists").fill("tea")
    expect(page.get_by_role("group", name="List", exact=True).get_by_text("List 1", exact=True)).to_be_hidden()
    page.get_by_role("group", name="List", exact=True).get_by_text("Friends of tea").click()
    page.get_by_role("button", name="Save", exact=True).last.click()

    expect(page.get_by_text("Tea House is joined to Tea House Ltd.")).to_be_visible()
    setting = StoreSetting.objects.get()
    assert (setting.store, setting.connection, setting.list_id) == (tea_house, connection, "TeaFri")
    assert setting.creates_profiles


def test_a_failed_delivery_tells_its_story_and_is_sent_again(
    signed_in: Page, ann: Advocate, drain: Drain, sandbox: Sandbox
) -> None:
    sandbox.fault("create_event", "html_403")
    drain()
    page = signed_in
    delivery = Delivery.objects.get(kind="event")
    assert delivery.state != Delivery.State.ACCEPTED
    page.goto("/admin/integrations/deliveries/")
    page.get_by_role("link", name="Advocate started").click()
    story = page.get_by_role("main")
    expect(story).to_contain_text("Klaviyo error 403")
    expect(story).to_contain_text(ann.email)

    page.locator("details.confirm > summary").click()
    page.get_by_role("button", name="Yes, send it again").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    drain()
    page.goto(f"/admin/integrations/deliveries/{delivery.pk}/")

    expect(page.locator(".pill").first).to_have_text("Accepted")
    (event,) = sandbox.events(TEA_HOUSE_LTD)
    assert (event.email, event.received) == (ann.email, 1)


def test_after_disconnecting_klaviyo_hears_nothing_more(
    signed_in: Page, ann: Advocate, drain: Drain, connection: Connection, sandbox: Sandbox
) -> None:
    page = signed_in
    page.goto(f"/admin/integrations/{connection.pk}/")
    page.get_by_role("link", name="Disconnect").click()
    expect(page.get_by_role("main")).to_contain_text("2 deliveries still wait")
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_role("main")).to_contain_text("Tea House Ltd is disconnected")

    asked = len(sandbox.requests())
    drain()
    assert len(sandbox.requests()) == asked
    assert sandbox.requests()[-1].operation == "oauth_revoke"
    connection.refresh_from_db()
    assert (connection.access_token, connection.refresh_token) == ("", "")
