"""What was taken has gone out, whatever happens afterwards: it is on record, told of once and not sent again."""

from typing import Any

import pytest
from django.core import mail
from django.db import OperationalError

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.outcomes import Outcome
from integrations.workers import worker
from klaviyo.delivery.sends import caps
from klaviyo.delivery.sends.caps import Place
from klaviyo.models import Send
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, messages
from referrals.models import Advocate, Invite
from tests.conftest import Drain
from tests.klaviyo.sending_cast import (
    EITHER_WAY,
    RECEIVED,
    SENT,
    a_host_hears_of_what_goes_out,
    come_back,
    flows,
    got,
    killed_before,
    let_invite,
    mailed,
    send_outcomes,
)
from tests.klaviyo.story import BEN, CID, State, end_leases, make_due, metrics

ACCEPTED = (State.ACCEPTED, "")


@EITHER_WAY
@pytest.mark.parametrize("is_given_back", [False, True], ids=["in a dead worker's hands", "given back"])
def test_what_was_taken_from_a_worker_that_died_stays_sent_after_a_no(
    sandbox: Sandbox, ann: Advocate, drain: Drain, inviter: str, is_given_back: bool
) -> None:
    """The friend says no by the link in that very message."""
    let_invite(ann, inviter)
    drain()
    lifecycle.invite(ann, BEN)
    with killed_before(lifecycle, "went_out"):
        drain()
    if is_given_back:
        end_leases()
        worker.sweep()
    lifecycle.opt_out(ann.program.store, BEN, scope="invites", place="The message")
    come_back(drain)
    assert send_outcomes() == [ACCEPTED]
    assert got(sandbox, BEN) == 1
    assert Invite.objects.get().went_out_at is not None
    assert metrics(sandbox, ann.email).count(SENT) == 1


def test_a_worker_that_was_overtaken_does_not_take_back_what_the_other_has_mailed(
    ann: Advocate, connection: Connection, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_invite(ann)
    drain()
    lifecycle.invite(ann, BEN)
    reserve = caps.reserve
    overtaking = [connection]

    def overtaken(row: Send, delivery: Delivery, *, keeps: bool) -> Place | Outcome:
        if overtaking:
            faster = overtaking.pop()
            end_leases()
            outbox.give_back_expired()
            while batch := outbox.claim(faster):
                worker.deliver(faster, batch)
        return reserve(row, delivery, keeps=keeps)

    monkeypatch.setattr(caps, "reserve", overtaken)
    drain()
    assert mailed() == [BEN]
    assert Send.objects.get().mailed_at is not None
    assert send_outcomes() == [ACCEPTED]


def test_a_message_that_could_not_be_made_has_not_gone_out_and_goes_later(
    ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    let_invite(ann)
    drain()
    lifecycle.invite(ann, BEN)
    with monkeypatch.context() as patch:
        patch.setattr(messages, "invitation", broken)
        drain()
    assert mail.outbox == []
    make_due()
    drain()
    assert mailed() == [BEN]
    assert send_outcomes() == [ACCEPTED]


def test_a_going_out_that_cannot_be_stored_at_once_is_stored_later_and_told_once(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    troubles = [OperationalError("deadlock detected")]

    def hears(**_: Any) -> None:
        if troubles:
            raise troubles.pop()

    drain()
    lifecycle.invite(ann, BEN)
    with a_host_hears_of_what_goes_out(hears):
        come_back(drain)
    assert flows(sandbox, BEN) == [RECEIVED]
    assert metrics(sandbox, ann.email).count(SENT) == 1
    assert Invite.objects.get().went_out_at is not None


@EITHER_WAY
def test_a_host_that_never_hears_of_it_does_not_make_it_fail(
    sandbox: Sandbox, ann: Advocate, drain: Drain, inviter: str
) -> None:
    def is_deaf(**_: Any) -> None:
        raise ValueError

    let_invite(ann, inviter)
    drain()
    lifecycle.invite(ann, BEN)
    with a_host_hears_of_what_goes_out(is_deaf):
        come_back(drain, times=12)
    assert send_outcomes() == [ACCEPTED]
    assert got(sandbox, BEN) == 1


def test_one_that_nobody_can_be_told_of_keeps_no_other_back(ann: Advocate, drain: Drain) -> None:
    def is_deaf_to_ben(invite: Invite, **_: Any) -> None:
        if invite.recipient_email == BEN:
            raise ValueError

    let_invite(ann)
    drain()
    with a_host_hears_of_what_goes_out(is_deaf_to_ben):
        lifecycle.invite(ann, BEN)
        drain()
        lifecycle.invite(ann, CID)
        come_back(drain, times=5)
    assert mailed() == [BEN, CID]
    assert send_outcomes() == [ACCEPTED, ACCEPTED]
