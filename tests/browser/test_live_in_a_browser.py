"""Pages that refresh by themselves: in place, under the strict policy, and not under somebody's hands."""

from django.contrib.sessions.models import Session
from django.utils import timezone
from playwright.sync_api import Page, expect

from integrations import connections
from integrations.models import Connection, Delivery, NoticeAddress
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


def test_a_leaving_is_seen_to_go_on_and_to_end(signed_in: Page, setting: StoreSetting) -> None:
    page, connection = signed_in, Connection.objects.get()
    for number in range(4):
        known = {"kind": "event", "key": f"k{number}", "occurred_at": timezone.now()}
        Delivery.objects.create(connection=connection, **known)
    page.goto(f"/admin/integrations/{connection.pk}/disconnect")
    page.get_by_text("Deliver first").click()
    page.get_by_role("button", name="Disconnect").click()
    expect(page.get_by_text("0 of 4 delivered")).to_be_visible()
    page.evaluate("window.stays = true")
    done = Delivery.objects.filter(key__in=["k0", "k1", "k2"])
    done.update(state="accepted", settled_at=timezone.now())
    expect(page.get_by_text("3 of 4 delivered")).to_be_visible(timeout=SOON_MS)
    Delivery.objects.update(state="accepted", settled_at=timezone.now())
    connections.leave_due()
    expect(page.locator("#standing")).to_contain_text("Disconnected", timeout=SOON_MS)
    expect(page.locator("#tools").get_by_role("button", name="Reconnect")).to_be_visible()
    expect(page.locator("#tools").get_by_role("button", name="Test connection")).to_have_count(0)
    assert page.evaluate("window.stays")
