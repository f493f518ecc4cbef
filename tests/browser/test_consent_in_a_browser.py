"""An operator answers "why did Ben not get the invite?" in a real browser; and every page about it fits its screen."""

from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from integrations.models import Delivery
from klaviyo.models import Erasure, Send, StoreSetting
from klaviyo.profiles import account_lists
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate
from tests.browser.test_every_page_in_a_browser import problems
from tests.conftest import TEA_HOUSE_LTD, Drain

BEN = "ben@friends.test"
LONG = "ben.the.friend.with.a.very.long.address.indeed@mail.friends-of-tea.example"


@pytest.fixture
def unsubscribed_ben(sandbox: Sandbox, ann: Advocate, drain: Drain) -> Send:
    """He said no at Klaviyo, long ago; Ann has invited him all the same, and a friend with a long address."""
    sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN, recipient_name="Ben")
    lifecycle.invite(ann, LONG)
    lifecycle.opt_in(ann.program.store, LONG, wording="Yes, send me news about tea.", place="join form")
    drain()
    return Send.objects.get(invite__recipient_email=BEN)


def test_an_operator_finds_out_why_ben_did_not_get_the_invite(signed_in: Page, unsubscribed_ben: Send) -> None:
    page = signed_in
    page.goto("/admin/klaviyo/sends/")
    page.get_by_label("Friend's e-mail").fill("BEN@friends.test")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**/sends/?friend=*")
    assert "friends.test" not in page.url
    page.get_by_role("cell", name="Ben").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ben did not get this invite: they have unsubscribed.")
    page.get_by_role("button", name="Ask Klaviyo now").click()
    expect(page.get_by_text("It would not go out")).to_be_visible()
    page.get_by_role("link", name="Ben", exact=True).click()
    expect(page.get_by_text("As a friend")).to_be_visible()
    assert "friends.test" not in page.url


def test_all_that_is_held_for_one_cause_goes_out_with_one_button(signed_in: Page, unsubscribed_ben: Send) -> None:
    sends = Send.objects.exclude(pk=unsubscribed_ben.pk).values("delivery")
    Delivery.objects.filter(pk__in=sends).update(state="held", reason_code="no_mail_server", reason="No mail server.")
    page = signed_in
    page.goto("/admin/klaviyo/sends/")
    page.get_by_role("button", name="Retry all 1").click()
    expect(page.get_by_text("1 send is tried again now.")).to_be_visible()
    assert set(Delivery.objects.filter(pk__in=sends).values_list("state", flat=True)) == {"queued"}


def test_a_person_is_erased_and_the_receipt_names_nobody(signed_in: Page, unsubscribed_ben: Send) -> None:
    page = signed_in
    page.goto("/admin/klaviyo/people/")
    page.get_by_label("E-mail address").fill("Ben@Friends.test")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("button", name="Erase …").click()
    page.get_by_label("Type the address again").fill("cid@friends.test")
    page.get_by_role("button", name="Erase this person").click()
    expect(page.get_by_text("Nothing was erased.")).to_be_visible()
    page.get_by_label("Type the address again").fill(BEN)
    page.get_by_role("button", name="Erase this person").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Erasure receipt")
    assert BEN not in page.content()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Sends").click()
    expect(page.get_by_text("Somebody who was erased")).to_be_visible()
    assert BEN not in page.content()


def test_a_newsletter_list_is_found_by_typing_and_kept(
    signed_in: Page, sandbox: Sandbox, setting: StoreSetting
) -> None:
    sandbox.put_lists(TEA_HOUSE_LTD, [SeedList("Friends"), SeedList("News", opt_in_process="double_opt_in")])
    account_lists.take_all()
    page = signed_in
    page.goto(f"/admin/klaviyo/settings/{setting.pk}/")
    page.get_by_role("radio", name="Update existing profiles only").check()
    page.locator("#newsletter_list_id_words").fill("new")
    lists = page.get_by_role("group", name="Newsletter list")
    expect(lists.get_by_text("Friends")).to_be_hidden()
    lists.get_by_text("News", exact=True).click()
    page.get_by_role("button", name="Save", exact=True).last.click()
    expect(page.get_by_text("The settings are saved.")).to_be_visible()
    setting.refresh_from_db()
    assert (setting.newsletter_list_name, setting.is_double_opt_in, setting.creates_profiles) == ("News", True, False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_a_page_about_sends_fits_its_screen(
    signed_in: Page, unsubscribed_ben: Send, width: int, scheme: Literal["light", "dark"]
) -> None:
    Erasure.objects.create(mailbox_hash="0" * 64, removed={"invites": 3})
    page = signed_in
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    addresses = ["sends/", "sends/?state=skipped", "sends/?friend=0", "people/", "erasures/"]
    addresses += [f"erasures/{erasure.uid}/" for erasure in Erasure.objects.all()]
    for send in Send.objects.all():
        addresses += [f"sends/{send.pk}/", f"people/of-send/{send.pk}/"]
        addresses += [f"people/of-advocate/{send.invite.advocate_id}/"]
    assert [problem for address in addresses for problem in problems(page, f"/admin/klaviyo/{address}")] == []
