"""Workers that die while they send mail, or come too late: no friend is written to twice by itself."""

import smtplib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from integrations import outbox, reasons
from integrations.mail import mailer
from integrations.models import Attempt, Connection, Delivery, Lease
from integrations.outcomes import Outcome
from integrations.wire import attempts
from integrations.workers import worker
from klaviyo.models import Send
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.delivery.mail.post import come_back, outcomes, retry, written_to
from tests.klaviyo.sending_cast import killed_before
from tests.klaviyo.story import BEN, TEA, State, end_leases
from tests.mail_server import MailServer

pytestmark = pytest.mark.usefixtures("own_mail")


class Killed(BaseException):
    """A worker that is no more; no code of ours sees it coming."""


def unless_it_is_mail(trouble: BaseException) -> Callable[[Sequence[Attempt]], None]:
    """The end of an attempt is put on record, but not that of a message."""
    finish = attempts.finish

    def ending(answered: Sequence[Attempt]) -> None:
        if any(attempt.operation == mailer.OPERATION for attempt in answered):
            raise trouble
        finish(answered)

    return ending


def test_a_worker_that_died_after_the_answer_was_recorded_sends_no_second_one(
    mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    lifecycle.invite(ann, BEN)

    settle = outbox.settle

    def dying(delivery: Delivery, outcome: Outcome) -> bool:
        if delivery.kind == "email":
            raise Killed
        return settle(delivery, outcome)

    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(outbox, "settle", dying)
        with pytest.raises(Killed):
            drain()
    come_back(drain)
    assert outcomes()[BEN] == (State.ACCEPTED, "")
    assert written_to(mail_server) == [BEN]
    assert len(sandbox.events(TEA, "Sorae Invite Sent")) == 1


def test_a_worker_that_died_before_it_began_to_hand_it_over_leaves_it_to_the_next(
    mail_server: MailServer, sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    lifecycle.invite(ann, BEN)
    with killed_before(mailer.Mailer, "_open"):
        drain()
    assert Send.objects.get().mailed_at, "it was counted already"
    come_back(drain)
    assert outcomes()[BEN] == (State.ACCEPTED, "")
    assert written_to(mail_server) == [BEN]
    assert len(sandbox.events(TEA, "Sorae Invite Sent")) == 1


@pytest.mark.parametrize("has_answered", [False, True], ids=["before the message", "after the answer"])
def test_a_worker_that_died_in_between_leaves_it_to_the_operator(
    mail_server: MailServer, ann: Advocate, drain: Drain, has_answered: bool
) -> None:
    lifecycle.invite(ann, BEN)
    sendmail = smtplib.SMTP.sendmail

    def dying(*words: Any) -> None:
        if has_answered:
            sendmail(*words)
        raise Killed

    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(smtplib.SMTP, "sendmail", dying)
        with pytest.raises(Killed):
            drain()
    come_back(drain)
    come_back(drain)
    assert outcomes()[BEN] == (State.FAILED, "outcome_unknown")
    assert len(mail_server.arrived) == has_answered
    retry(BEN)
    drain()
    assert outcomes()[BEN] == (State.ACCEPTED, "")
    assert len(mail_server.arrived) == 1 + has_answered


def test_neither_a_reconnect_nor_a_hasty_retry_repeats_what_a_dead_worker_may_have_sent(
    mail_server: MailServer, connection: Connection, ann: Advocate, drain: Drain
) -> None:
    lifecycle.invite(ann, BEN)
    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(attempts, "finish", unless_it_is_mail(Killed()))
        with pytest.raises(Killed):
            drain()
    end_leases()
    outbox.give_back_expired()
    outbox.hold(connection, reasons.of("reconnect", ""))
    outbox.release(connection)
    retry(BEN)
    drain()
    assert outcomes()[BEN] == (State.FAILED, "outcome_unknown")
    assert written_to(mail_server) == [BEN]


def test_a_record_that_cannot_be_written_does_not_repeat_the_message(
    mail_server: MailServer, ann: Advocate, drain: Drain, caplog: pytest.LogCaptureFixture
) -> None:
    lifecycle.invite(ann, BEN)
    with pytest.MonkeyPatch.context() as broken:
        broken.setattr(attempts, "finish", unless_it_is_mail(RuntimeError()))
        drain()
    come_back(drain)
    assert outcomes()[BEN] == (State.FAILED, "outcome_unknown")
    assert written_to(mail_server) == [BEN]


def test_a_worker_whose_lease_has_gone_sends_nothing(
    mail_server: MailServer, ann: Advocate, drain: Drain, connection: Connection
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    late = outbox.claim(connection)
    end_leases()
    outbox.give_back_expired()
    while batch := outbox.claim(connection):
        worker.deliver(connection, batch)
    worker.deliver(connection, late)
    assert outcomes()[BEN] == (State.ACCEPTED, "")
    assert written_to(mail_server) == [BEN]


def test_the_lease_is_taken_anew_before_the_conversation(
    mail_server: MailServer, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    opened, spoke = mailer.Mailer._open, smtplib.SMTP.sendmail
    left: list[timedelta] = []

    def slowly(self: mailer.Mailer) -> None:
        opened(self)
        Lease.objects.update(until=timezone.now() + timedelta(seconds=5))

    def look(*message: Any) -> Any:
        left.append(
            Lease.objects.get(pk__in=Delivery.objects.filter(kind="email").values("lease")).until - timezone.now()
        )
        return spoke(*message)

    monkeypatch.setattr(mailer.Mailer, "_open", slowly)
    monkeypatch.setattr(smtplib.SMTP, "sendmail", look)
    drain()
    assert left[0] > 2 * timedelta(seconds=mailer.TALKING_SECONDS)
