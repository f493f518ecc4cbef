"""What a mail server says, or does not, is never taken for a refusal of everybody: no message goes out twice for it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import outbox, reasons
from integrations.mail import mailer
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.outbox import retention
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Connect, Drain
from tests.klaviyo.delivery.mail.post import outcomes, retry
from tests.klaviyo.sending_cast import killed_before
from tests.klaviyo.story import BEN, State, end_leases
from tests.mail_server import DROP, MESSAGE, MailServer

pytestmark = pytest.mark.usefixtures("own_mail")


def met_by_two_others(connect: Connect, code: str, status: int | None) -> None:
    now = timezone.now()
    for account in ("Qk7LmA", "Rb3WdN"):
        connect(account=account)
        Attempt.objects.create(
            connection=Connection.objects.get(account_id=account),
            operation=mailer.OPERATION,
            code=code,
            status=status,
            started_at=now,
            finished_at=now,
        )


def test_an_outcome_that_nobody_knows_is_no_refusal(
    mail_server: MailServer, ann: Advocate, drain: Drain, connect: Connect
) -> None:
    drain()
    met_by_two_others(connect, "outcome_unknown", None)
    mail_server.answers(MESSAGE, DROP)
    lifecycle.invite(ann, BEN)
    for _ in range(3):
        drain()
        Pause.objects.update(until=timezone.now() - timedelta(seconds=1))
        Delivery.objects.filter(state=State.QUEUED).update(next_try_at=timezone.now() - timedelta(seconds=1))
    assert outcomes()[BEN] == (State.FAILED, "outcome_unknown")
    assert mail_server.said.count("data") == 1


def test_a_mistyped_friend_in_each_of_three_accounts_freezes_no_mail(
    mail_server: MailServer, ann: Advocate, drain: Drain, connect: Connect
) -> None:
    drain()
    met_by_two_others(connect, "refused_recipient", 550)
    mail_server.answers("RCPT", "550 No such user")
    lifecycle.invite(ann, BEN)
    drain()
    assert outcomes()[BEN] == (State.FAILED, "refused_recipient")
    assert not Pause.objects.exists()


def test_the_record_of_a_broken_hand_over_stays_while_the_message_waits(
    mail_server: MailServer, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    with killed_before(mailer.Mailer, "_may_have_left"):
        mail_server.answers(MESSAGE, DROP)
        drain()
    end_leases()
    outbox.give_back_expired()
    outbox.hold(connection, reasons.of("reconnect", ""))
    retry(BEN)
    Attempt.objects.update(started_at=timezone.now() - timedelta(days=100))
    retention.forget()
    drain()
    assert outcomes()[BEN] == (State.FAILED, "outcome_unknown")
    assert mail_server.said.count("data") == 1
