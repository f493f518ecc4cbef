"""Backfill by page: a dry run, a start, progress that shows by itself, a pause, and the end."""

import pytest
from playwright.sync_api import Page, expect

from klaviyo.imports import backfill as walking
from klaviyo.imports import backfill_chunks
from klaviyo.models import Backfill, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate, Program
from tests.conftest import TEA_HOUSE_LTD

PEOPLE = 40


@pytest.fixture
def people(spring: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill_chunks, "CHUNK", 10)
    rows = [Advocate(program=spring, email=f"person{n}@example.com", first_name="Pia") for n in range(PEOPLE)]
    Advocate.objects.bulk_create(rows)


def told(sandbox: Sandbox) -> int:
    return len(sandbox.profiles(TEA_HOUSE_LTD))


def test_an_operator_sees_a_run_go_on_pauses_it_and_sees_it_end(
    signed_in: Page, sandbox: Sandbox, setting: StoreSetting, people: None
) -> None:
    page = signed_in
    page.goto(f"/admin/integrations/{setting.connection_id}/")
    page.get_by_role("navigation", name="About this account").get_by_role("link", name="Backfill").click()
    page.get_by_role("button", name="Try it dry").click()
    expect(page.get_by_text("Nothing was sent")).to_be_visible()
    expect(page.get_by_label("5 profiles as JSON")).to_contain_text("person4@example.com")
    assert told(sandbox) == 0
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_text("0 of 40 people")).to_be_visible()
    run = Backfill.objects.get()
    walking.step(run.pk)
    expect(page.get_by_text("10 of 40 people")).to_be_visible()  # without a click
    expect(page.get_by_role("progressbar")).to_have_js_property("value", 25)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused by operator")).to_be_visible()
    assert not walking.step(run.pk)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_text("Cancel", exact=True).click()
    walking.step(run.pk)
    expect(page.get_by_text("20 of 40 people")).to_be_visible()
    expect(page.get_by_role("button", name="Yes, cancel it")).to_be_visible()  # what one is about to do stays open
    while walking.step(run.pk):
        pass
    expect(page.get_by_text("40 of 40 people")).to_be_visible()
    expect(page.get_by_text("Done", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    assert told(sandbox) == PEOPLE
