"""A file becomes a sync by page: uploaded, mapped by suggestion, run, and its rejected rows had as a file."""

import csv
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from integrations.models import Connection
from klaviyo.models import Sync, SyncRun
from klaviyo.sandbox import Sandbox
from tests.klaviyo.story import TEA
from tests.klaviyo.syncs import syncing

MOST_CLICKS = 12
ROWS, BAD = 100, 5


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A hundred customers, of whom five have no address that there can be."""
    path = tmp_path / "customers.csv"
    lines = ["Customer ID;Email;First Name;Tier;Joined"]
    for number in range(1, ROWS + 1):
        email = f"guest{number}@" if number % 20 == 0 else f"guest{number}@example.com"
        lines.append(f"{number};{email};Zoë {number};{'gold' if number % 3 else 'silver'};2026-01-{number % 28 + 1:02}")
    path.write_bytes(("\n".join(lines) + "\n").encode("cp1252"))
    return path


class Hand:
    """What a person does to the page, counted."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks = page, 0

    def click(self, one: Locator) -> None:
        self.clicks += 1
        one.click()

    def press(self, one: Locator) -> None:
        """The same by the keyboard alone."""
        self.clicks += 1
        one.focus()
        expect(one).to_be_focused()
        self.page.keyboard.press("Enter")

    def choose(self, file: Path) -> None:
        self.clicks += 1
        self.page.get_by_label("File", exact=True).set_input_files(file)


@pytest.mark.parametrize(("width", "is_dark", "by_keyboard"), [(1440, False, False), (390, True, True)])
def test_from_a_file_to_the_file_of_its_rejected_rows(
    signed_in: Page,
    sandbox: Sandbox,
    connection: Connection,
    file: Path,
    tmp_path: Path,
    width: int,
    is_dark: bool,
    by_keyboard: bool,
) -> None:
    page = signed_in
    page.set_viewport_size({"width": width, "height": 844})
    page.emulate_media(color_scheme="dark" if is_dark else "light")
    hand = Hand(page)
    go = hand.press if by_keyboard else hand.click
    page.goto("/admin/klaviyo/syncs/")
    go(page.get_by_role("link", name="Make the first one"))
    hand.choose(file)
    go(page.get_by_role("button", name="Read it"))
    expect(page.get_by_label("Encoding")).to_have_value("cp1252")
    expect(page.get_by_label("Between columns")).to_have_value(";")
    expect(page.get_by_text("Each of 100 rows has a key of its own.")).to_be_visible()
    go(page.get_by_role("button", name="Next: destination"))
    go(page.get_by_role("button", name="Next: mapping"))
    expect(page.get_by_text("95 would go")).to_be_visible()
    expect(page.get_by_label("The request as JSON")).to_contain_text("guest1@example.com")
    go(page.get_by_role("button", name="Next: schedule"))
    go(page.get_by_role("button", name="Switch on and run"))
    expect(page.get_by_text("rows read so far")).to_be_visible()
    syncing.to_its_end(SyncRun.objects.get())
    expect(page.get_by_text("Done, some rejected")).to_be_visible()  # without a click
    go(page.get_by_role("link", name="Rejected 5"))
    expect(page.get_by_role("cell", name="100", exact=True).first).to_be_visible()
    with page.expect_download() as had:
        go(page.get_by_role("link", name="As CSV"))
    had.value.save_as(tmp_path / "rejected.csv")
    with (tmp_path / "rejected.csv").open(newline="") as rejected:
        rows = list(csv.DictReader(rejected))
    assert [row["key"] for row in rows] == ["20", "40", "60", "80", "100"]
    assert all(row["field"] == "Email" and row["reason"] for row in rows)
    assert hand.clicks <= MOST_CLICKS
    assert len(sandbox.profiles(TEA)) == ROWS - BAD
    assert Sync.objects.get().is_on
