"""The invite page shows the offer, and takes an opt-in to the newsletter in the words that it shows."""

import html
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from referrals import lifecycle, tasks
from referrals.models import Advocate, Invite, OptIn, Program, Store, Submission
from tests.referrals.shown import hidden

OURS = "E-mail me news and offers from Tea House. I can stop at any time."
SMS = "Send me text messages. <Reply STOP>"


@pytest.fixture
def invite(ann: Advocate) -> Invite:
    Program.objects.update(has_invite_page=True, offer_code="SPRING-5")
    return lifecycle.invite(ann, "ben@example.com")


@pytest.fixture
def friend() -> Client:
    return Client(enforce_csrf_checks=True)


def page(friend: Client, invite: Invite, **form: str) -> Any:
    """The page; with a form, what comes after the page was shown and sent back with it."""
    address = f"/i/{invite.uid}"
    shown = friend.get(address)
    return friend.post(address, hidden(shown.content) | form, follow=True) if form else shown


def wishes() -> list[tuple[Any, ...]]:
    """What was asked for, once it is carried out."""
    tasks.carry_out()
    return list(OptIn.objects.order_by("pk").values_list("email", "channels", "wording__text", "place", "phone"))


def test_it_says_who_invites_and_leads_on_to_the_shop(friend: Client, invite: Invite) -> None:
    invite = Invite.objects.get(pk=invite.pk)
    assert invite.link.endswith(f"/i/{invite.uid}")
    text = page(friend, invite).content.decode()
    assert "<bdi>Ann</bdi> invites you to <bdi>Tea House</bdi>" in text
    assert "5 EUR off the first tea" in text
    assert "SPRING-5" in text
    assert f'href="/r/{invite.advocate.referral_code}?i={invite.uid}"' in text


@pytest.mark.parametrize("stuck", [".", ")", ",", "%0A", "%20", "/", "]", "%3F", "%23", "…", "です", ".Thanks"])
def test_what_sticks_to_its_link_does_not_matter(friend: Client, invite: Invite, stuck: str) -> None:
    shown = friend.get(f"/i/{invite.uid}{stuck}")
    assert b"invites you to" in shown.content
    form = hidden(shown.content) | {"email": "ben@example.com", "wants_email": "on"}
    assert b"Thank you" in friend.post(f"/i/{invite.uid}{stuck}", form, follow=True).content


def test_the_campaign_of_its_link_goes_on_to_the_shop(friend: Client, invite: Invite) -> None:
    campaign = "utm_source=news&_kx=Zm9v.AbCd"
    way = f'/r/{invite.advocate.referral_code}?i={invite.uid}&{campaign}"'.replace("&", "&amp;")
    shown = friend.get(f"/i/{invite.uid}?{campaign}&x=1")
    assert way in shown.content.decode()
    form = hidden(shown.content) | {"email": "ben@example.com", "wants_email": "on"}
    thanks = friend.post(f"/i/{invite.uid}?{campaign}&x=1", form, follow=True).content.decode()
    assert "Thank you" in thanks
    assert way in thanks


def test_it_is_good_until_the_day_of_the_store(friend: Client, invite: Invite) -> None:
    Store.objects.update(time_zone="America/Los_Angeles")
    Invite.objects.update(expires_at=datetime(2099, 2, 1, 7, 59, tzinfo=UTC))
    assert "good until 31 January 2099" in page(friend, invite).content.decode()


def test_it_does_not_show_who_was_invited_and_ticks_nothing(friend: Client, invite: Invite) -> None:
    text = page(friend, invite).content.decode()
    assert "ben@example.com" not in text
    assert " checked" not in text
    assert len(hidden(text.encode())) == text.count(" value=") == 1
    assert OURS in text


def test_an_inviters_own_words_are_not_shown(friend: Client, invite: Invite) -> None:
    Advocate.objects.update(first_name="Buy at evil.com", last_name="evil")
    text = page(friend, invite).content.decode()
    assert "<bdi>A friend</bdi> invites you" in text
    assert "evil" not in text


def test_whoever_ticks_the_box_has_agreed_to_the_words_beside_it(friend: Client, invite: Invite) -> None:
    answer = page(friend, invite, email=" Ben@Example.com ", wants_email="on")
    assert b"Thank you" in answer.content
    assert b"/r/" in answer.content
    assert wishes() == [("Ben@example.com", ["email"], OURS, "invite page", "")]


def test_the_stores_own_words_are_kept_as_they_are(friend: Client, invite: Invite) -> None:
    Store.objects.update(opt_in_text='News & "tea" <monthly>')
    assert html.escape('News & "tea" <monthly>') in page(friend, invite).content.decode()
    page(friend, invite, email="ben@example.com", wants_email="on")
    assert wishes() == [("ben@example.com", ["email"], 'News & "tea" <monthly>', "invite page", "")]


def test_text_messages_are_asked_about_only_by_stores_that_send_them(friend: Client, invite: Invite) -> None:
    assert b"phone" not in page(friend, invite).content
    page(friend, invite, email="ben@example.com", wants_email="on", wants_sms="on", phone="030 123456")
    assert [channels for _, channels, *_ in wishes()] == [["email"]]


def test_each_box_is_an_opt_in_of_its_own(friend: Client, invite: Invite) -> None:
    Store.objects.update(sms_opt_in_text=SMS)
    page(friend, invite, email="ben@example.com", wants_email="on", wants_sms="on", phone="0151 23456789")
    assert wishes() == [
        ("ben@example.com", ["email"], OURS, "invite page", ""),
        ("ben@example.com", ["sms"], SMS, "invite page", "+4915123456789"),
    ]


@pytest.mark.parametrize("phone", ["", "12", "x", "+", "٣", "0" * 101, "\0", "+49 151 23456789 🍵" * 3])
def test_text_messages_need_a_phone_number(friend: Client, invite: Invite, phone: str) -> None:
    Store.objects.update(sms_opt_in_text=SMS)
    answer = page(friend, invite, email="ben@example.com", wants_email="on", wants_sms="on", phone=phone)
    assert b"Write your phone number" in answer.content
    assert wishes() == []


@pytest.mark.parametrize("phone", ["0664 1234567", "0676/1234567", "030 123456", "43 664 1234567"])
def test_a_number_whose_country_is_not_certain_is_asked_for_with_its_code(
    friend: Client, invite: Invite, phone: str
) -> None:
    Store.objects.update(sms_opt_in_text=SMS)
    answer = page(friend, invite, email="ben@example.com", wants_email="on", wants_sms="on", phone=phone)
    assert b"Write your phone number with its country code" in answer.content
    assert wishes() == []
    page(friend, invite, email="ben@example.com", wants_email="on", wants_sms="on", phone="+43 664 1234567")
    assert [phone for *_, phone in wishes()] == ["", "+436641234567"]


@pytest.mark.parametrize("phone", ["+49 30 123456", "+44 20 7946 0958", "+49 664 1234567", "+49 800 1234567"])
def test_text_messages_need_a_number_that_gets_them(friend: Client, invite: Invite, phone: str) -> None:
    Store.objects.update(sms_opt_in_text=SMS)
    answer = page(friend, invite, email="ben@example.com", wants_email="on", wants_sms="on", phone=phone)
    assert b"Text messages do not reach this number" in answer.content
    assert wishes() == []


def test_a_phone_without_its_tick_is_forgotten(friend: Client, invite: Invite) -> None:
    Store.objects.update(sms_opt_in_text=SMS)
    page(friend, invite, email="ben@example.com", wants_email="on", phone="nonsense")
    assert [phone for *_, phone in wishes()] == [""]


def test_without_a_tick_nothing_is_stored(friend: Client, invite: Invite) -> None:
    text = page(friend, invite, email="ben@example.com").content.decode()
    assert "Tick a box" in text
    assert "Error: " in text
    assert 'value="ben@example.com"' in text
    assert wishes() == []


@pytest.mark.parametrize(
    "email",
    ["", "ben", "ben@", "a@b@c", "x" * 100 + "@example.com", "b\0@example.com", "ben@localhost", "\u202e@example.com"],
)
def test_what_is_no_address_is_said_beside_the_field(friend: Client, invite: Invite, email: str) -> None:
    text = page(friend, invite, email=email, wants_email="on").content.decode()
    assert 'aria-describedby="id_email_error"' in text
    assert 'aria-invalid="true"' in text
    assert "Write your e-mail address like" in text
    assert wishes() == []


def test_a_machine_is_thanked_and_nothing_is_stored(friend: Client, invite: Invite) -> None:
    form = {"email": "ben@example.com", "wants_email": "on"}
    machine = page(friend, invite, **form, subject="Cheap tea")
    assert wishes() == []
    assert machine.content == page(friend, invite, **form).content
    assert len(wishes()) == 1


@pytest.mark.parametrize("closing", ["opted_out", "expired", "erased"])
def test_an_invite_that_is_over_still_leads_to_the_shop(friend: Client, invite: Invite, closing: str) -> None:
    Invite.objects.update(closed_at=timezone.now(), closed_by=closing)
    for answer in (page(friend, invite), page(friend, invite, email="ben@example.com", wants_email="on")):
        assert answer.status_code == 200
        assert b"This invite is over" in answer.content
        assert f"/r/{invite.advocate.referral_code}?i=".encode() in answer.content
        assert b"<form" not in answer.content
    assert wishes() == []


def test_so_does_one_that_has_expired_and_not_been_closed(friend: Client, invite: Invite) -> None:
    Invite.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert b"This invite is over" in page(friend, invite).content


def test_the_invite_of_an_erased_friend_leads_to_the_shop_alone(friend: Client, invite: Invite) -> None:
    lifecycle.erase("ben@example.com")
    text = page(friend, invite).content.decode()
    assert 'href="https://teahouse.example/"' in text
    assert "/r/" not in text


@pytest.mark.parametrize("closing", ["visited", "converted"])
def test_a_friend_may_come_back(friend: Client, invite: Invite, closing: str) -> None:
    Invite.objects.update(closed_at=timezone.now(), closed_by=closing)
    assert b"SPRING-5" in page(friend, invite).content


@pytest.mark.parametrize("uid", ["0" * 32, "x", "1" * 10_000, "%00", "%ED%A0%80", "{}", "urn:uuid:"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_invite_is_not_found(friend: Client, invite: Invite, uid: str, method: str) -> None:
    answer = getattr(friend, method)(f"/i/{uid}")
    assert answer.status_code == 404
    assert b"This link leads nowhere" in answer.content


def test_the_page_leaves_no_trace(friend: Client, invite: Invite) -> None:
    for answer in (page(friend, invite), page(friend, invite, email="ben@example.com", wants_email="on")):
        assert answer["Cache-Control"] == "no-store"
        assert answer["Referrer-Policy"] == "no-referrer"
        assert not answer.cookies


def test_both_boxes_are_kept_or_none(friend: Client, invite: Invite, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.objects.update(sms_opt_in_text=SMS)
    opt_in = lifecycle.opt_in

    def only_email(*args: Any, **named: Any) -> OptIn:
        if named["channels"] == ("sms",):
            raise OSError("gone")
        return opt_in(*args, **named)

    page(friend, invite, email="b@example.com", wants_email="on", wants_sms="on", phone="0151 23456789")
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(lifecycle, "opt_in", only_email)
        assert wishes() == []
    Submission.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert len(wishes()) == 2


@pytest.mark.parametrize(("box", "field"), [("wants_email", "opt_in_text"), ("wants_sms", "sms_opt_in_text")])
def test_nobody_agrees_to_words_that_they_were_not_shown(friend: Client, invite: Invite, box: str, field: str) -> None:
    address = f"/i/{invite.uid}"
    Store.objects.update(opt_in_text="Tea news.", sms_opt_in_text=SMS)
    before = hidden(friend.get(address).content)
    Store.objects.update(**{field: "Tea, coffee and cars."})
    form = {"email": "ben@example.com", "phone": "0151 23456789", box: "on"}
    again = friend.post(address, before | form)
    text = again.content.decode()
    assert "These words have changed." in text
    assert "Tick a box" not in text
    assert "Tea, coffee and cars." in text
    assert " checked" not in text
    assert 'value="ben@example.com"' in text
    assert wishes() == []
    friend.post(address, hidden(again.content) | form)
    assert [wording for _, _, wording, *_ in wishes()] == ["Tea, coffee and cars."]


def test_what_was_read_stays_ticked_beside_words_that_have_changed(friend: Client, invite: Invite) -> None:
    address = f"/i/{invite.uid}"
    Store.objects.update(sms_opt_in_text=SMS)
    before = hidden(friend.get(address).content)
    Store.objects.update(sms_opt_in_text="Text me twice a day.")
    form = {"email": "ben@example.com", "phone": "0151 23456789", "wants_email": "on", "wants_sms": "on"}
    text = friend.post(address, before | form).content.decode()
    assert text.count(" checked") == 1
    assert wishes() == []


def test_words_that_were_not_ticked_may_change(friend: Client, invite: Invite) -> None:
    address = f"/i/{invite.uid}"
    Store.objects.update(sms_opt_in_text=SMS)
    before = hidden(friend.get(address).content)
    for sms in ("Text me twice a day.", ""):
        Store.objects.update(sms_opt_in_text=sms)
        answer = friend.post(address, before | {"email": f"ben{len(sms)}@example.com", "wants_email": "on"})
        assert answer.status_code == 302
    assert [wording for _, _, wording, *_ in wishes()] == [OURS, OURS]


@pytest.mark.parametrize("told", ["", "x", "\0", "0" * 64, "a" * 5_000])
def test_a_tick_without_its_words_is_asked_for_again(friend: Client, invite: Invite, told: str) -> None:
    text = page(friend, invite, email="ben@example.com", wants_email="on", email_words=told).content.decode()
    assert "These words have changed." in text
    assert wishes() == []
