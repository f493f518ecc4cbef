"""Actions in a real browser: somebody new finds one, fills it in and runs it, with and without scripts."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from integrations.models import Connection
from klaviyo import actions
from klaviyo.models import ActionRun
from klaviyo.sandbox import Sandbox, SeedProfile
from tests.browser.conftest import PATIENCE_MS
from tests.klaviyo.story import BEN, TEA


@pytest.fixture
def newsletter(connection: Connection, sandbox: Sandbox) -> str:
    """The id of a list beyond the first page, and Ben is known."""
    sandbox.put_profiles(TEA, [SeedProfile(BEN)])
    for number in range(11):
        made = actions.run("create_list", connection, name=f"List {number}")
        assert made.outcome == "success", made
    made = actions.run("create_list", connection, name="Weekly letter")
    assert made.outcome == "success"
    return str(made.data["id"])


@pytest.mark.parametrize("width", [1440, 390])
def test_somebody_new_adds_a_profile_to_a_list(signed_in: Page, newsletter: str, width: int) -> None:
    page = signed_in
    page.set_viewport_size({"width": width, "height": 844})
    if width == 390:
        page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Actions", exact=True).click()
    page.get_by_label("What do you want to do?").press_sequentially("Add profile to list")
    page.get_by_role("link", name="Add profile to list").click()
    page.get_by_label("List", exact=False).first.press_sequentially("weekly")
    page.get_by_role("button", name=re.compile("^Weekly letter")).click()
    expect(page.locator("[data-named=list_id]")).to_have_text("Weekly letter")
    page.get_by_label("E-mail").fill(BEN)
    page.get_by_role("button", name=re.compile("^Run in ")).click()
    expect(page.get_by_role("heading", name="Answer", exact=True)).to_be_visible()
    assert "@" not in page.url
    run = ActionRun.objects.get(origin=ActionRun.Origin.PAGE)
    assert (run.outcome, run.action) == ("success", "add_profile_to_list")
    assert newsletter in run.given


def test_without_scripts_its_buttons_do_the_same(
    chromium: Browser, site: str, signed_in: Page, newsletter: str
) -> None:
    context = chromium.new_context(
        base_url=site, java_script_enabled=False, storage_state=signed_in.context.storage_state()
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto("/admin/klaviyo/actions/?q=prismatic+add+profile")
    page.goto("/admin/klaviyo/actions/?q=leadconduit+add+profile")
    page.get_by_role("link", name="Add profile to list").click()
    page.get_by_label("E-mail").fill(BEN)
    page.locator("[name=list_id]").fill("weekly")
    page.get_by_role("button", name="Find list").click()
    page.get_by_role("button", name=re.compile("^Weekly letter")).click()
    assert page.locator("[name=list_id]").input_value() == newsletter
    assert page.get_by_label("E-mail").input_value() == BEN
    page.get_by_label("E-mail").press("Enter")
    page.get_by_role("heading", name="Answer", exact=True).wait_for()
    context.close()
    assert ActionRun.objects.get(origin=ActionRun.Origin.PAGE).outcome == "success"


def test_a_double_click_is_one_run(signed_in: Page, connection: Connection) -> None:
    page = signed_in
    page.goto(f"/admin/klaviyo/actions/{connection.pk}/create_list/")
    page.get_by_label("Name").fill("Fans")
    page.get_by_role("button", name=re.compile("^Run in ")).dblclick()
    expect(page.get_by_role("heading", name="Answer", exact=True)).to_be_visible()
    assert ActionRun.objects.filter(action="create_list").count() == 1
