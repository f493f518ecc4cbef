"""One person's record: found in any spelling, both as an advocate and as a friend, and never in an address bar."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.models import Notice, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Invite, Program, Store
from tests.conftest import Drain
from tests.klaviyo.made_sends import a_send, page, signed_in_with
from tests.klaviyo.story import BEN, TEA, make_due

PEOPLE = "/admin/klaviyo/people/"


def words_of(html: str) -> str:
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html[html.index("<main") :]))
    return text.replace("&#x27;", "'")


def record(browser: Client, email: str) -> str:
    return words_of(page(browser, PEOPLE, {"email": email}))


def test_all_of_a_person_stands_on_one_page(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate, spring: Program, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(BEN, consent="UNSUBSCRIBED")])
    ben = lifecycle.join(spring, BEN, first_name="Ben", last_name="Grey")
    lifecycle.invite(ben, "cid@friends.test", recipient_name="Cid")
    lifecycle.invite(ann, BEN)
    order = lifecycle.convert(ann, order_id="1001", friend_email=BEN, total="49.90", currency="EUR")
    lifecycle.reward(ann, recipient="friend", kind="credit", amount="5", currency="EUR", conversion=order)
    lifecycle.opt_out(spring.store, BEN, scope="newsletter", place="preference page")
    drain()
    make_due()  # what waited for the no
    drain()
    said = record(browser_of_the_operator, BEN)
    for words in (
        "Ben Grey ben@friends.test",
        "1 invite 0 visits 0 orders",
        "Cid Invited",
        "As a friend Invited by Ann Lee",
        "The person has unsubscribed. Not sent Why?",
        "Order 1001",
        "49.90 EUR",
        "Store credit",
        "No to the newsletter",
        "preference page",
        "Invite received",
        "Create event",
    ):
        assert words in said, words
    assert Delivery.objects.filter(subject=BEN).first().attempts.first().request_id in said  # type: ignore[union-attr]


@pytest.mark.parametrize("typed", ["Ben@bücher.test", "BEN@XN--BCHER-KVA.test", " ben@Bücher.TEST "])
@pytest.mark.parametrize("stored", ["Ben@bücher.test", "ben@xn--bcher-kva.test"])
def test_a_person_is_found_in_any_spelling(
    browser_of_the_operator: Client, ann: Advocate, drain: Drain, typed: str, stored: str
) -> None:
    lifecycle.invite(ann, stored, recipient_name="Ben")
    lifecycle.opt_in(ann.program.store, stored, wording="Send me news.", place="join form")
    drain()
    said = record(browser_of_the_operator, typed)
    assert "Invited by Ann Lee" in said
    assert "“ Send me news. ”" in said
    assert "Invite received" in said


def test_somebody_unknown_is_said_to_be_one(browser_of_the_operator: Client, ann: Advocate) -> None:
    said = record(browser_of_the_operator, "nobody@friends.test")
    assert "Nobody here knows this address" in said
    assert "Erase" not in said


@pytest.mark.parametrize("typed", ["", "ben", "@", "ben@", "x" * 300 + "@friends.test", "ben\x00@friends.test"])
def test_what_is_no_address_is_said_to_be_none(browser_of_the_operator: Client, ann: Advocate, typed: str) -> None:
    content = page(browser_of_the_operator, PEOPLE, {"email": typed}, status=400)
    assert 'class="errorlist"' in content


def test_links_lead_to_people_by_ids(browser_of_the_operator: Client, ann: Advocate) -> None:
    send = a_send(ann, BEN, "Ben")
    pages = [f"{PEOPLE}of-send/{send.pk}/", f"{PEOPLE}of-advocate/{ann.pk}/", f"/admin/klaviyo/sends/{send.pk}/"]
    for address in pages:
        for link in re.findall(r'(?:href|action)="([^"]+)"', page(browser_of_the_operator, address)):
            assert "@" not in link, (address, link)
            assert "%40" not in link, (address, link)
    assert "Invited by" in page(browser_of_the_operator, pages[0])
    assert page(browser_of_the_operator, f"{PEOPLE}of-send/{send.pk + 1}/", status=404)


def test_an_opt_in_shows_how_far_it_got_in_each_account(
    browser_of_the_operator: Client, ann: Advocate, tea_house: Store, setting: StoreSetting
) -> None:
    opt_in = lifecycle.opt_in(tea_house, BEN, wording="Send me news.", place="join form", channels=("email",))
    waiting = Delivery.objects.filter(source=str(opt_in.uid), kind="subscribe")
    for state, code, words in (
        ("queued", "", "Queued"),
        ("accepted", "pending_opt_in", "Waits for their confirmation"),
        ("accepted", "", "Accepted"),
        ("confirmed", "", "Subscribed"),
        ("skipped", "withdrawn_since", "Said no since"),
        ("failed", "some_code_of_klaviyos", "Failed"),
    ):
        waiting.update(state=state, reason_code=code)
        assert f"{words} Tea House Ltd" in record(browser_of_the_operator, BEN), state
    waiting.delete()
    assert "Sent to no account" in record(browser_of_the_operator, BEN)


def test_our_own_suppressions_are_said_first(browser_of_the_operator: Client, ann: Advocate, tea_house: Store) -> None:
    lifecycle.suppress(BEN, "bounced", tea_house)
    lifecycle.suppress(BEN, "complained")
    said = record(browser_of_the_operator, BEN)
    assert "Sorae does not write to this address." in said
    assert "Cannot be reached, by Tea House" in said
    assert "Reported as spam, for every store" in said


def test_profiles_are_linked_in_each_account_where_we_met_them(
    browser_of_the_operator: Client, sandbox: Sandbox, ann: Advocate, connection: Connection
) -> None:
    a_send(ann, BEN, profile_id="01SENT")
    Notice.objects.create(connection=connection, external_id="1", topic="x", profile_id="01HEARD", email=BEN)
    content = page(browser_of_the_operator, PEOPLE, {"email": BEN})
    for profile in ("01SENT", "01HEARD"):
        assert f'<a class="btn" href="{sandbox.url}/profile/{profile}" target="_blank" rel="noreferrer">' in content


def test_an_invite_of_a_store_without_an_account_says_why_nothing_was_sent(
    browser_of_the_operator: Client, ann: Advocate
) -> None:
    StoreSetting.objects.all().delete()
    lifecycle.invite(ann, BEN)
    assert "Nothing was sent: when it happened, Tea House was joined to no account." in record(
        browser_of_the_operator, BEN
    )


def test_a_long_story_is_cut_and_says_so(browser_of_the_operator: Client, ann: Advocate) -> None:
    Invite.objects.bulk_create(
        Invite(advocate=ann, recipient_email=f"{number}@friends.test", occurred_at=timezone.now() - timedelta(days=1))
        for number in range(30)
    )
    assert "The latest 10 of 30." in record(browser_of_the_operator, ann.email)


def test_who_may_look_people_up(ann: Advocate) -> None:
    send = a_send(ann)
    pages = (PEOPLE, f"{PEOPLE}of-send/{send.pk}/", f"{PEOPLE}of-advocate/{ann.pk}/")
    for address in pages:
        assert signed_in_with("view_delivery").get(address).status_code == 403
        assert Client().get(address).status_code == 302
        content = page(signed_in_with("view_send"), address)
        assert "Erase" not in content
        assert "/admin/integrations/deliveries/" not in content
    assert signed_in_with("view_delivery").post(PEOPLE, {"email": BEN}).status_code == 403


def test_no_person_page_is_kept_by_a_browser(browser_of_the_operator: Client, ann: Advocate) -> None:
    for response in (
        browser_of_the_operator.post(PEOPLE, {"email": ann.email}),
        browser_of_the_operator.get(f"{PEOPLE}of-advocate/{ann.pk}/"),
    ):
        assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("typed", ["ann@exam", "ANN", "lee", "Ann Lee", "lee ann", "  example.com  "])
def test_a_part_of_an_address_or_a_name_finds_people(
    browser_of_the_operator: Client, ann: Advocate, typed: str
) -> None:
    page = browser_of_the_operator.post(PEOPLE, {"email": typed})
    assert page.status_code == 200
    assert ann.email in page.content.decode()


def test_a_friend_is_found_by_a_part_and_each_address_once(browser_of_the_operator: Client, ann: Advocate) -> None:
    for _ in range(2):
        lifecycle.invite(ann, "ben@friends.test", recipient_name="B\u00ebn")
    for typed in ("friends.t", "Be\u0308n"):
        page = browser_of_the_operator.post(PEOPLE, {"email": typed}).content.decode()
        assert page.count('value="ben@friends.test"') == 1


@pytest.mark.parametrize("typed", ["zzz", "@", "a", "\x00", "%", "_", "W" * 9000])
def test_what_finds_nobody_says_what_to_do(browser_of_the_operator: Client, ann: Advocate, typed: str) -> None:
    page = browser_of_the_operator.post(PEOPLE, {"email": typed})
    assert page.status_code == 400
    assert ann.email not in page.content.decode()
    assert 'id="problem"' in page.content.decode()
