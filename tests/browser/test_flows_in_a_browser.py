"""The starter kit in a real browser: seen before it is made, made while one watches, and removed."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from integrations import pacing
from klaviyo.flows import listening
from klaviyo.mapping.catalogue import CATALOGUE
from klaviyo.sandbox import Sandbox
from klaviyo.starter_kit import turns
from tests import consent_screen
from tests.klaviyo import flows_cast

PATIENCE_MS = 60_000


def test_a_kit_is_made_while_one_watches_and_removed(
    signed_in: Page, operator: User, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, allowed = signed_in, consent_screen.connected_by(operator, sandbox, also=flows_cast.ALSO)
    monkeypatch.setattr(pacing, "_counted", lambda *_budgets, **_how: 0)  # no budget is waited for
    for metric in CATALOGUE:
        flows_cast.tell(allowed, metric.name)
    page.goto(f"/admin/integrations/{allowed.pk}/")
    page.get_by_role("link", name="Flows", exact=True).click()
    expect(page.get_by_text("The account is being read")).to_be_visible()
    listening.take_all()
    expect(page.get_by_text("Nobody listens").first).to_be_visible(timeout=PATIENCE_MS)  # without a click
    expect(page.get_by_text("Nobody writes to invited friends")).to_have_count(0)  # no program is there
    page.get_by_role("link", name="See what would be made").click()
    expect(page.get_by_text("Sorae: Reward Issued mail")).to_be_visible()
    expect(page.get_by_text("not made")).to_have_count(23)
    page.get_by_role("button", name="Make the starter kit").click()
    expect(page.get_by_text("0 of 23 done.")).to_be_visible()
    turns.take_all()
    expect(page.get_by_text("23 of 23 things are there")).to_be_visible(timeout=PATIENCE_MS)
    page.get_by_role("link", name="Remove").click()
    page.get_by_role("button", name="Remove").click()
    turns.take_all()
    expect(page.get_by_text("All but 1 thing: it is not as made any more")).to_be_visible(timeout=PATIENCE_MS)
