"""While messages to people are held, each page says so; whoever may lets them go, and it is written down who did."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Delivery, MessageHold
from integrations.outbox import held_messages
from integrations.pauses import message_hold
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.sending_cast import let_invite, mailed
from tests.klaviyo.story import BEN, CID

RELEASE = "/admin/integrations/messages/release"
PAGES = ("/admin/", "/admin/integrations/", "/admin/integrations/klaviyo/", "/admin/klaviyo/sends/")
NOTICE = "Messages to people are held."
WHY = "We restored the copy of noon."


@pytest.fixture
def held(ann: Advocate, drain: Drain) -> MessageHold:
    """Ben is invited by Klaviyo and Cid by Sorae before the copy ended; Dan after it."""
    drain()
    let_invite(ann, Program.Inviter.KLAVIYO)
    lifecycle.invite(ann, BEN)
    let_invite(ann, Program.Inviter.SORAE)
    lifecycle.invite(ann, CID)
    hold = message_hold.begin(WHY)
    MessageHold.objects.update(copy_ends_at=timezone.now() - timedelta(minutes=2), lost_until=timezone.now())
    lifecycle.invite(ann, "dan@friends.test")
    return hold


def page(browser: Client, address: str) -> str:
    return browser.get(address).content.decode()


def somebody(*permissions: str) -> Client:
    user = User.objects.create_user("somebody", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    browser = Client()
    browser.force_login(user)
    return browser


def test_each_page_says_it_and_only_while_it_is_so(
    held: MessageHold, browser_of_the_operator: Client, settings: Settings
) -> None:
    for address in PAGES:
        shown = page(browser_of_the_operator, address)
        assert NOTICE in shown
        assert WHY in shown
        assert "3 messages wait." in shown
        assert RELEASE in shown
    MessageHold.objects.update(is_on=False)
    assert [address for address in PAGES if NOTICE in page(browser_of_the_operator, address)] == []
    settings.HOLD_MESSAGES = True
    assert "HOLD_MESSAGES is set" in page(browser_of_the_operator, PAGES[0])


def test_who_may_not_look_is_told_nothing_and_who_may_only_look_finds_no_button(held: MessageHold) -> None:
    assert NOTICE not in page(somebody(), "/admin/")
    User.objects.get(username="somebody").delete()
    shown = page(somebody("view_connection"), "/admin/integrations/")
    assert NOTICE in shown
    assert RELEASE not in shown


def test_the_page_counts_by_kind_and_says_what_to_look_at(held: MessageHold, browser_of_the_operator: Client) -> None:
    shown = page(browser_of_the_operator, RELEASE)
    for words in ("Invites and reminders by Klaviyo", "own e-mails", "same Message-ID", "Opt-outs that were lost"):
        assert words in shown
    assert "<b>2 messages</b> are from before" in shown
    assert shown.count(NOTICE) == 0


def test_letting_go_sends_all_and_is_written_down(
    held: MessageHold, browser_of_the_operator: Client, drain: Drain
) -> None:
    drain()
    assert mailed() == []
    answer = browser_of_the_operator.post(RELEASE, {"early": "go"}, follow=True)
    assert "Messages flow again: 3 go out now, 0 cancelled." in answer.content.decode()
    drain()
    assert mailed() == [CID, "dan@friends.test"]
    held.refresh_from_db()
    assert (held.is_on, held.released_by and held.released_by.username) == (False, "operator")
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("operator", str(held.pk))
    assert entry.get_change_message() == "Messages released: 3 go, 0 cancelled."


def test_early_e_mails_are_cancelled_when_that_is_chosen(
    held: MessageHold, browser_of_the_operator: Client, drain: Drain
) -> None:
    browser_of_the_operator.post(RELEASE, {"early": "email"})
    drain()
    assert mailed() == ["dan@friends.test"]
    row = Delivery.objects.get(kind="email", subject=CID)
    assert (row.state, row.reason_code) == (Delivery.State.CANCELLED, "operator")
    assert "restored copy" in row.reason


@pytest.mark.parametrize("chosen", [{}, {"early": "x"}])
def test_without_a_choice_that_is_asked_for_nothing_goes(
    chosen: dict[str, str], held: MessageHold, browser_of_the_operator: Client
) -> None:
    assert browser_of_the_operator.post(RELEASE, chosen).status_code == 302
    assert message_hold.is_on()


def test_what_the_environment_holds_no_button_lets_go(
    held: MessageHold, browser_of_the_operator: Client, settings: Settings
) -> None:
    settings.HOLD_MESSAGES = True
    assert "<form method" not in page(browser_of_the_operator, RELEASE).partition("<h1>")[2]
    browser_of_the_operator.post(RELEASE, {"early": "go"})
    assert MessageHold.objects.get().is_on


def test_twice_is_once(held: MessageHold, browser_of_the_operator: Client) -> None:
    for _ in range(2):
        assert browser_of_the_operator.post(RELEASE, {"early": "go"}).status_code in (200, 302)
    assert LogEntry.objects.count() == 1
    assert "No messages are held." in page(browser_of_the_operator, RELEASE)


def test_what_waits_says_why_on_its_page(held: MessageHold, browser_of_the_operator: Client) -> None:
    held_messages.explain()
    row = Delivery.objects.get(kind="email", subject=CID)
    shown = page(browser_of_the_operator, f"/admin/integrations/deliveries/{row.pk}/")
    assert message_hold.HELD_BACK.sentence in shown
