"""Mail servers that are not there, or not for us: all mail waits, for the server or for somebody who acts."""

import logging
import smtplib

import pytest
from pytest_django import Settings

from integrations.mail import mailer
from integrations.models import Attempt, Delivery
from klaviyo.models import Send
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.post import outcomes, reserved, retry, written_to
from tests.klaviyo.story import BEN, CID, State, make_due
from tests.mail_server import DROP, MESSAGE, MailServer
from tests.servers import free_port

pytestmark = pytest.mark.usefixtures("own_mail")


def test_a_wrong_password_holds_all(mail_server: MailServer, settings: Settings, ann: Advocate, drain: Drain) -> None:
    with MailServer(login="AHNvcmFlAHNlY3JldA==") as server:
        settings.EMAIL_PORT = server.port
        lifecycle.invite(ann, BEN)
        drain()
        assert outcomes()[BEN] == (State.HELD, "mail_refused")
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "sorae", "wrong"
        retry(BEN)
        drain()
        assert outcomes()[BEN] == (State.HELD, "mail_refused")
        settings.EMAIL_HOST_PASSWORD = "secret"
        retry(BEN)
        drain()
        assert written_to(server) == [BEN]


def test_a_server_without_the_tls_we_want_holds_all(
    mail_server: MailServer, settings: Settings, ann: Advocate, drain: Drain
) -> None:
    settings.EMAIL_USE_TLS = True
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN] == (State.HELD, "mail_refused")


def test_without_a_mail_server_all_is_held(
    settings: Settings, mail_server: MailServer, ann: Advocate, drain: Drain
) -> None:
    smtp, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, mailer.NO_SERVER
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN] == (State.HELD, "no_mail_server")
    assert reserved() == 0
    settings.EMAIL_BACKEND = smtp
    retry(BEN)
    drain()
    assert written_to(mail_server) == [BEN]


def test_a_server_that_is_down_is_tried_again(
    settings: Settings, mail_server: MailServer, ann: Advocate, drain: Drain
) -> None:
    port, settings.EMAIL_PORT = settings.EMAIL_PORT, free_port()
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == dict.fromkeys((BEN, CID), (State.QUEUED, "mail_unreachable"))
    assert reserved() == Attempt.objects.filter(operation="send_email").count() == 0
    settings.EMAIL_PORT = port
    make_due()
    drain()
    assert written_to(mail_server) == [BEN, CID]


@pytest.mark.parametrize("last", ["250 Taken and drop", "250 Taken"])
@pytest.mark.parametrize("between", ["421 4.4.2 Too long", DROP, "250 Fine"])
def test_a_connection_closed_between_two_messages_loses_and_doubles_nothing(
    mail_server: MailServer, ann: Advocate, drain: Drain, last: str, between: str
) -> None:
    mail_server.answers(MESSAGE, last)
    mail_server.answers("RSET", between)
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == dict.fromkeys((BEN, CID), (State.ACCEPTED, ""))
    assert written_to(mail_server) == [BEN, CID]


def test_a_message_that_cannot_be_written_spoils_no_other(
    mail_server: MailServer, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    sendmail = smtplib.SMTP.sendmail

    def odd(self: smtplib.SMTP, sender: str, recipients: list[str], message: bytes) -> object:
        if recipients == [BEN]:
            raise UnicodeEncodeError("ascii", BEN, 0, 1, "odd")
        return sendmail(self, sender, recipients, message)

    monkeypatch.setattr(smtplib.SMTP, "sendmail", odd)
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, CID)
    drain()
    assert outcomes() == {BEN: (State.FAILED, "unusable_message"), CID: (State.ACCEPTED, "")}


def test_neither_logs_nor_reasons_say_who_or_with_which_password(
    mail_server: MailServer,
    settings: Settings,
    ann: Advocate,
    drain: Drain,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "sorae-user", "wrong-secret"
    with MailServer(login="AHNvcmFlAHNlY3JldA==") as server:
        settings.EMAIL_PORT = server.port
        lifecycle.invite(ann, BEN)
        drain()
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_PORT = mail_server.port
    for command in ("MAIL", "RCPT", "DATA", MESSAGE):
        for answer in (f"450 {BEN} waits", f"550 {BEN} never", f"550 5.7.1 {BEN} never", DROP):
            mail_server.answers(command, answer)
            retry(BEN)
            drain()
            [row] = Delivery.objects.filter(kind="email")
            said = f"{row.reason} {Send.objects.get().bounce} {list(Attempt.objects.values_list('code'))}"
            assert row.reason
            assert BEN not in said
            assert "never" not in said
    printed = caplog.text + "".join(capfd.readouterr())
    for secret in (BEN, "sorae-user", "wrong-secret"):
        assert secret not in printed
