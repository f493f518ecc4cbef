"""From *Enable* to the first event: four clicks of ours, and nothing to type."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from integrations.models import Connection
from klaviyo import tasks
from klaviyo.models import Backfill, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program, Store
from tests.conftest import TEA_HOUSE_LTD, Drain


class Clicks:
    """Counts what an operator must click."""

    def __init__(self) -> None:
        self.number = 0

    def on(self, what: Locator) -> None:
        self.number += 1
        what.click()


def metrics(sandbox: Sandbox, account: str = TEA_HOUSE_LTD) -> set[str]:
    return {event.metric for event in sandbox.events(account)}


def test_from_enable_to_the_first_event_in_four_clicks(
    signed_in: Page, sandbox: Sandbox, spring: Program, drain: Drain
) -> None:
    page, clicks = signed_in, Clicks()
    lifecycle.join(spring, "ann@example.com")
    Advocate.objects.update(created_at=timezone.now() - timedelta(days=2))
    page.goto("/admin/integrations/")
    clicks.on(page.get_by_role("link", name="Enable Klaviyo"))
    expect(page.get_by_text("To record what happens in a referral's life")).to_be_visible()
    clicks.on(page.get_by_role("button", name="Continue"))
    clicks.on(page.get_by_role("button", name="Allow"))
    expect(page.get_by_role("heading", name="Review Tea House Ltd")).to_be_visible()
    expect(page.get_by_text("Tell Klaviyo about the 1 advocate of Tea House, too")).to_be_visible()
    lifecycle.join(spring, "bea@example.com")
    clicks.on(page.get_by_role("button", name="Save", exact=True).last)
    expect(page.get_by_text("Tea House is joined to Tea House Ltd.")).to_be_visible()
    assert clicks.number == 4
    assert Backfill.objects.count() == 1
    tasks.tell_noes()
    drain()
    cid = lifecycle.join(spring, "cid@example.com")
    lifecycle.convert(cid, order_id="1001", friend_email="dan@example.com", total="49.90", currency="EUR")
    drain()
    assert {"Sorae Advocate Started", "Sorae Conversion"} <= metrics(sandbox)
    assert len(sandbox.events(TEA_HOUSE_LTD, "Sorae Advocate Started")) == 2


def test_a_second_account_for_a_second_store_asks_for_the_store_first(
    signed_in: Page, connection: Connection, setting: StoreSetting
) -> None:
    page = signed_in
    coffee = Store.objects.create(slug="coffee", name="Coffee", url="https://coffee.example/", currency="NOK")
    page.goto("/admin/integrations/klaviyo/")
    page.get_by_role("link", name="Add connection").click()
    expect(page.get_by_label("Store", exact=True)).to_have_value(str(coffee.pk))
    page.get_by_role("button", name="Continue").click()
    page.get_by_text("Nordlys Coffee").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="What is sent of Coffee")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("Coffee is joined to Nordlys Coffee.")).to_be_visible()
    assert StoreSetting.objects.get(store=coffee).connection.account_name == "Nordlys Coffee"


@pytest.mark.parametrize("is_signed_in", [True, False])
def test_an_install_from_klaviyos_side_lands_in_the_same_flow(
    page: Page, request: pytest.FixtureRequest, tea_house: Store, is_signed_in: bool
) -> None:
    if is_signed_in:
        request.getfixturevalue("signed_in")
    page.goto("/admin/integrations/klaviyo/install?code=stray&state=stray")
    if is_signed_in:
        expect(page.get_by_role("heading", name="Enable Klaviyo")).to_be_visible()
    else:
        expect(page).to_have_url(re.compile(r"/admin/login/\?next=/admin/integrations/klaviyo/install"))


def test_an_account_without_a_store_is_not_said_to_work(signed_in: Page, connection: Connection) -> None:
    page = signed_in
    page.goto("/admin/integrations/klaviyo/")
    expect(page.get_by_role("row").filter(has_text="Tea House Ltd")).to_contain_text("No store joined")
    page.goto(f"/admin/integrations/{connection.pk}/")
    page.get_by_role("main").get_by_role("link", name="Join a store").first.click()
    expect(page.get_by_text("There is no store")).to_be_visible()
