"""Axe finds nothing on any page, on a wide screen and a narrow one, and nothing in its colours by day or by night."""

from typing import Literal

import pytest
from playwright.sync_api import Page

from referrals.models import Advocate
from tests.browser import accessibility, house

WIDE, NARROW = (1440, 900), (390, 844)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_of_the_admin_breaks_a_rule(signed_in: Page, ann: Advocate, scheme: Literal["light", "dark"]) -> None:
    house.fill(ann)
    signed_in.emulate_media(color_scheme=scheme)
    found = [objection for address in house.addresses() for objection in objections(signed_in, address)]
    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_for_everybody_breaks_a_rule(page: Page, ann: Advocate, scheme: Literal["light", "dark"]) -> None:
    house.fill(ann)
    page.emulate_media(color_scheme=scheme)
    pages = list(house.public_addresses(ann))
    found = [objection for address, status in pages for objection in objections(page, address, status)]
    assert found == []


def objections(page: Page, address: str, status: int = 200) -> list[str]:
    """What is wrong with the page at an address, on each screen."""
    answer = page.goto(address)
    assert answer is not None
    found = [] if answer.status == status else [f"{address} answers {answer.status}"]
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    is_like_others = address.startswith("/admin/") and address != "/admin/"  # in what a narrow screen colours otherwise
    by_day = {
        WIDE: accessibility.EVERY_RULE,
        NARROW: accessibility.NO_COLOURS if is_like_others else accessibility.EVERY_RULE,
    }
    for (width, height), rules in ({WIDE: accessibility.COLOURS} if is_dark else by_day).items():
        page.set_viewport_size({"width": width, "height": height})
        found += [f"{address} at {width} px: {objection}" for objection in accessibility.objections(page, rules)]
    return found
