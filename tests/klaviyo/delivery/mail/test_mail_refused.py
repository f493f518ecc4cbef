"""Mail servers that refuse or postpone: whom it concerns, and what becomes of the others."""

import pytest

from klaviyo.models import Send
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.post import outcomes, reserved, retry, written_to
from tests.klaviyo.story import BEN, CID, State, make_due
from tests.mail_server import DROP, GREETING, MESSAGE, MailServer

pytestmark = pytest.mark.usefixtures("own_mail")


LATER = {
    "a greeting that is none yet": (GREETING, "421 4.3.2 Too busy"),
    "no greeting": (GREETING, DROP),
    "a sender that waits": ("MAIL", "451 4.3.0 Not now"),
    "a sender after whom it closes": ("MAIL", DROP),
    "gibberish": ("MAIL", "Hello there"),
    "a recipient that waits": ("RCPT", "450 4.2.0 Greylisted ben@friends.test"),
    "a full disk": ("RCPT", "452 4.3.1 Full"),
    "a server that goes": ("RCPT", "421 4.3.2 Going down"),
    "a recipient after whom it closes": ("RCPT", DROP),
    "no data now": ("DATA", "451 4.3.0 Not now"),
    "data after which it closes": ("DATA", DROP),
    "a message that waits": (MESSAGE, "451 4.7.1 Try again"),
    "a server that goes with the message": (MESSAGE, "421 4.3.2 Going down"),
}


@pytest.mark.parametrize(("command", "answer"), LATER.values(), ids=LATER)
def test_what_was_certainly_not_taken_goes_later_once(
    mail_server: MailServer, ann: Advocate, drain: Drain, command: str, answer: str
) -> None:
    mail_server.answers(command, answer)
    lifecycle.invite(ann, BEN)
    drain()
    state, code = outcomes()[BEN]
    assert (state, mail_server.arrived, reserved()) == (State.QUEUED, [], 0)
    assert code in ("mail_postponed", "mail_unreachable")
    make_due()
    drain()
    assert outcomes()[BEN] == (State.ACCEPTED, "")
    assert written_to(mail_server) == [BEN]


@pytest.mark.parametrize("words", ["550 5.1.1 No ben@friends.test here", "553 Odd", "521 5.3.2 Takes no mail"])
def test_a_refused_recipient_has_failed_and_the_next_one_is_written_to(
    mail_server: MailServer, ann: Advocate, drain: Drain, words: str
) -> None:
    mail_server.answers("RCPT", words)
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == {BEN: (State.FAILED, "refused_recipient"), CID: (State.ACCEPTED, "")}
    assert (written_to(mail_server), mail_server.visits, reserved()) == ([CID], 1, 1)
    send = Send.objects.get(delivery__subject=BEN)
    assert send.bounced_at is not None
    assert send.bounce == f"The mail server refuses this address ({words[:3]})."


def test_a_postponed_recipient_keeps_no_other_waiting(mail_server: MailServer, ann: Advocate, drain: Drain) -> None:
    mail_server.answers("RCPT", "450 4.2.0 Greylisted")
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == {BEN: (State.QUEUED, "mail_postponed"), CID: (State.ACCEPTED, "")}


@pytest.mark.parametrize(("command", "answer"), [("DATA", "554 5.6.0 No"), (MESSAGE, "554 5.6.0 No ben@friends.test")])
def test_a_refused_message_has_failed_and_spoils_no_other(
    mail_server: MailServer, ann: Advocate, drain: Drain, command: str, answer: str
) -> None:
    mail_server.answers(command, answer)
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == {BEN: (State.FAILED, "refused_message"), CID: (State.ACCEPTED, "")}
    assert (written_to(mail_server), mail_server.visits, reserved()) == ([CID], 1, 1)


REFUSES_US: dict[str, tuple[str, str]] = {
    "greeting": (GREETING, "554 5.7.1 Your address is listed"),
    "ourselves": ("HELO", "550 5.7.1 Not from there"),
    "sender": ("MAIL", "550 5.7.1 Not from invites@sorae.invalid"),
}


@pytest.mark.parametrize(("command", "answer"), REFUSES_US.values(), ids=REFUSES_US)
def test_a_server_that_will_not_have_us_holds_all_until_somebody_has_acted(
    mail_server: MailServer, ann: Advocate, drain: Drain, command: str, answer: str
) -> None:
    mail_server.answers(command, answer)
    if command == "HELO":
        mail_server.answers("EHLO", "502 Only HELO")
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == dict.fromkeys((BEN, CID), (State.HELD, "mail_refused"))
    assert reserved() == 0
    retry(BEN)
    drain()
    assert written_to(mail_server) == [BEN]


def test_a_recipient_to_whom_we_may_not_send_waits_alone(mail_server: MailServer, ann: Advocate, drain: Drain) -> None:
    mail_server.answers("RCPT", "554 5.7.1 ben@friends.test: Relay access denied")
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == {BEN: (State.HELD, "mail_refused"), CID: (State.ACCEPTED, "")}
    assert Send.objects.filter(bounced_at=None).count() == 2
