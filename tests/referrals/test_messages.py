"""Sorae's own invite e-mail: its sender, its recipient, its words, and how to unsubscribe."""

import email
import email.policy
import re
from datetime import UTC, datetime, timedelta, timezone
from email.message import EmailMessage
from typing import Any

import pytest
from django.core import mail

from referrals import lifecycle, messages
from referrals.models import Advocate, Invite, Program, Store

MESSAGE_ID = "<7.0@sorae.example>"
INJECTION = "x\r\nBcc: everybody@evil.example\r\n\r\n<b>Buy</b>\u2028\x85\x0b\x00"


@pytest.fixture(autouse=True)
def site(settings: Any) -> None:
    settings.SITE_URL = "https://sorae.example"
    settings.DEFAULT_FROM_EMAIL = "Sorae <invites@sorae.example>"


@pytest.fixture
def invite(ann: Advocate) -> Invite:
    return lifecycle.invite(ann, "ben@example.com", recipient_name="BUY at https://evil.example")


def arrived(invite: Invite, number: int = 0) -> EmailMessage:
    """What a mail server gets, read as a mail program reads it."""
    message = messages.invitation(Invite.objects.get(pk=invite.pk), number=number, message_id=MESSAGE_ID)
    assert message.send() == 1
    read = email.message_from_bytes(mail.outbox[-1].message().as_bytes(), policy=email.policy.default)
    assert isinstance(read, EmailMessage)
    return read


def bodies(message: EmailMessage) -> tuple[str, str]:
    text, html = message.get_body(["plain"]), message.get_body(["html"])
    assert text is not None
    assert html is not None
    return text.get_content(), html.get_content()


def test_an_invite_says_who_invites_to_what_and_why_it_came(invite: Invite, program: Program) -> None:
    Program.objects.update(offer_code="SPRING-5")
    Invite.objects.update(expires_at=datetime(2027, 3, 4, tzinfo=UTC))
    message = arrived(invite)
    assert message["Subject"] == "Ann invites you to Tea House"
    for body in bodies(message):
        assert "Ann invites you to Tea House" in body
        assert "5 EUR off the first tea" in body
        assert "SPRING-5" in body
        assert "4 March 2027" in body
        assert "Ann entered your address" in body


def test_a_reminder_says_that_it_is_one(invite: Invite) -> None:
    message = arrived(invite, number=2)
    assert message["Subject"] == "Ann's invite to Tea House is waiting for you"
    for body in bodies(message):
        assert "this is a reminder of it" in body


def test_it_comes_from_the_store_by_our_address_and_goes_to_the_friend(invite: Invite) -> None:
    message = arrived(invite)
    (sender,), (friend,) = message["From"].addresses, message["To"].addresses
    assert (sender.display_name, sender.addr_spec) == ("Tea House", "invites@sorae.example")
    assert (friend.display_name, friend.addr_spec) == ("", "ben@example.com")
    assert "Cc" not in message
    assert "Reply-To" not in message


def test_mail_programs_learn_how_to_unsubscribe_and_that_a_machine_wrote(invite: Invite) -> None:
    message = arrived(invite)
    assert message["List-Unsubscribe"].strip() == f"<{messages.unsubscribe_address(invite)}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == MESSAGE_ID


def test_its_only_addresses_are_the_invites_and_the_way_out(invite: Invite) -> None:
    allowed = {invite.link, messages.unsubscribe_address(invite)}
    for body in bodies(arrived(invite)):
        assert set(re.findall(r"https?://[^\s\"<>]+", body)) == allowed


def test_it_loads_nothing_and_tells_nobody_that_it_was_read(invite: Invite) -> None:
    _, html = bodies(arrived(invite))
    assert not re.search(r"<img|<script|<link|<iframe|url\(|@import|src=|background=", html)


@pytest.mark.parametrize(
    "name", ["https://evil.example", "Buy at evil.com", "Win 1000 EUR", "<b>Ann</b>", INJECTION, ""]
)
def test_inviters_say_nothing_in_their_own_words(ann: Advocate, invite: Invite, name: str) -> None:
    Advocate.objects.update(first_name=name.replace("\0", ""), last_name="evil.example")
    message = arrived(invite)
    assert message["Subject"] == "A friend invites you to Tea House"
    for body in bodies(message):
        assert "evil" not in body.lower()
        assert "BUY" not in body
        assert "A friend entered your address" in body


@pytest.mark.parametrize("model", [Store, Program, Advocate, Invite])
def test_no_field_adds_a_header_or_markup(invite: Invite, model: Any) -> None:
    fields = {
        Store: ["name"],
        Program: ["name", "offer", "offer_code"],
        Advocate: ["first_name", "last_name"],
        Invite: ["recipient_name"],
    }
    plain = arrived(invite)
    model.objects.update(**dict.fromkeys(fields[model], INJECTION.replace("\0", "")))
    message = arrived(invite)
    assert message.keys() == plain.keys()
    assert [message[name] for name in ("To", "Message-ID")] == [plain[name] for name in ("To", "Message-ID")]
    assert message["From"].addresses[0].addr_spec == "invites@sorae.example"
    _, html = bodies(message)
    assert "<b>" not in html


@pytest.mark.parametrize(
    "name",
    [
        "Tea, House; <evil@evil.example>",
        'The "Tea" \\ House',
        "Käse & Tee",
        "茶の家" * 40,
        "🍵" * 150,
        "=?utf-8?q?=0d=0aBcc:_x?=",
        "a" * 150,
        "security@bank.example",
        "\u202eesuoH aeT",
        " ",
    ],
)
def test_a_store_may_be_called_anything(invite: Invite, name: str) -> None:
    Store.objects.update(name=name)
    message = arrived(invite)
    assert [sender.addr_spec for sender in message["From"].addresses] == ["invites@sorae.example"]
    assert len(message["Subject"].strip()) <= messages.LONGEST_SUBJECT
    assert message.keys().count("Subject") == 1
    assert "Bcc" not in message
    assert all(len(line) <= 998 for line in mail.outbox[-1].message().as_bytes().splitlines())


def test_a_name_in_any_script_arrives_unharmed(invite: Invite) -> None:
    Store.objects.update(name="Käse, Tee & 茶")
    Advocate.objects.update(first_name="Zoë")
    message = arrived(invite)
    assert message["From"].addresses[0].display_name == "Käse, Tee & 茶"
    assert message["Subject"] == "Zoë invites you to Käse, Tee & 茶"


def test_a_long_subject_is_cut_to_one_line(invite: Invite) -> None:
    Store.objects.update(name="Tea " * 37)
    subject = arrived(invite)["Subject"].strip()
    assert messages.LONGEST_SUBJECT - 1 <= len(subject) <= messages.LONGEST_SUBJECT
    assert subject.endswith("…")


def test_the_message_is_pure_html_escaped_text(invite: Invite) -> None:
    Program.objects.update(offer="<script>5 & more</script>\nfor you", offer_code='"><img src=x>')
    text, html = bodies(arrived(invite))
    assert "<script>5 & more</script>\nfor you" in text
    assert "&lt;script&gt;5 &amp; more&lt;/script&gt;<br>for you" in html
    assert "<img" not in html


def test_a_forged_message_id_is_refused(invite: Invite) -> None:
    message = messages.invitation(invite, message_id="<x>\r\nBcc: y@example.com")
    with pytest.raises(ValueError, match="newlines"):
        message.message()


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("America/Los_Angeles", "31 January 2027"),
        ("Europe/Helsinki", "1 February 2027"),
        ("", "1 February 2027"),
        ("Nowhere/Atlantis", "1 February 2027"),
        ("Europe", "1 February 2027"),
        ("../../etc/passwd", "1 February 2027"),
    ],
)
@pytest.mark.parametrize("number", [0, 1])
def test_it_is_good_until_the_day_of_the_store(
    invite: Invite, tea_house: Store, zone: str, day: str, number: int
) -> None:
    Store.objects.update(time_zone=zone)
    Invite.objects.update(expires_at=datetime(2027, 1, 31, 23, 59, tzinfo=timezone(timedelta(hours=-8))))
    for words in bodies(arrived(invite, number)):
        assert f"Good until {day}." in words
