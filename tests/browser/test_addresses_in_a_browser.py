"""Whom somebody looks for stands in no address bar, so in no history, no log and no link that is passed on."""

import pytest
from playwright.sync_api import Page, expect

from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.story import BEN


@pytest.mark.parametrize(
    ("page_of", "label", "button", "found"),
    [
        ("integrations/deliveries/", "Person's e-mail", "Filter", "Invite received"),
        ("klaviyo/sends/", "Friend's e-mail", "Filter", "Ben"),
        ("klaviyo/people/", "E-mail address", "Find", "Ann Lee"),
    ],
)
def test_a_person_is_found_and_the_address_bar_does_not_say_who(
    signed_in: Page, ann: Advocate, drain: Drain, page_of: str, label: str, button: str, found: str
) -> None:
    lifecycle.invite(ann, BEN, recipient_name="Ben")
    drain()
    page = signed_in
    page.goto(f"/admin/{page_of}")
    page.get_by_label(label).fill(BEN)
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.get_by_role("main").get_by_role("link", name=found).first).to_be_visible()
    assert "friends.test" not in page.url
    assert "@" not in page.url
