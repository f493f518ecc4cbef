"""Pages that refresh by themselves: in place, under the strict policy, and not under somebody's hands."""

from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from integrations.models import Connection, NoticeAddress
from klaviyo.models import StoreSetting

SOON_MS = 60_000  # the machine may be slow


def test_an_account_that_breaks_is_seen_to_break(signed_in: Page, setting: StoreSetting) -> None:
    page, connection = signed_in, Connection.objects.get()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(f"/admin/integrations/{connection.pk}/")
    page.evaluate("window.stays = true")
    expect(page.locator("#standing")).not_to_contain_text("Reconnect")
    Connection.objects.update(state="reconnect", problem="The app was removed from the account.")
    expect(page.locator("#standing")).to_contain_text("Reconnect", timeout=SOON_MS)
    expect(page.locator(".ladder")).to_contain_text("The app was removed from the account.")
    assert page.evaluate("window.stays")
    assert said == []


def test_nothing_is_changed_under_somebodys_hands_or_after_their_session(signed_in: Page) -> None:
    address = NoticeAddress.objects.create(kind="email", shown="team@shop.test")
    page = signed_in
    page.goto("/admin/integrations/notices/")
    page.evaluate("window.asked = 0; document.addEventListener('htmx:beforeRequest', () => window.asked++)")
    button = page.get_by_role("button", name="Switch off team@shop.test")
    button.focus()
    NoticeAddress.objects.update(shown="other@shop.test")
    page.wait_for_timeout(7_000)
    assert page.evaluate("window.asked") == 0
    button.blur()
    expect(page.get_by_text("other@shop.test").first).to_be_visible(timeout=SOON_MS)
    with page.expect_response(lambda answer: "/admin/login/" in answer.url, timeout=SOON_MS):
        Session.objects.all().delete()
        address.delete()
    page.wait_for_timeout(2_000)
    expect(page.get_by_text("other@shop.test").first).to_be_visible()
    assert page.get_by_label("Password").count() == 0
