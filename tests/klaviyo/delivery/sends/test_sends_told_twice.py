"""Hosts that write rows and send signals themselves, and repeat themselves: nobody gets anything twice for it."""

import pytest
from django.db import transaction
from django.db.models import Model

from integrations.models import Connection, Delivery
from integrations.outbox import retrying
from klaviyo.models import Send, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, reminders, signals
from referrals.models import Advocate, Conversion, Invite, OptOut, Program, Reminder, Visit
from tests.conftest import Drain
from tests.klaviyo.sending_cast import (
    EITHER_WAY,
    RECEIVED,
    REMINDER,
    flows,
    invited_days_ago,
    join_to,
    let_invite,
    mailed,
    send_outcomes,
)
from tests.klaviyo.story import BEN, TEA, State


def tell_again(invite: Invite) -> None:
    with transaction.atomic():
        signals.invite_sent.send(sender=Invite, invite=invite)


def test_an_invite_told_twice_in_one_transaction_goes_once(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    with transaction.atomic():
        invite = Invite.objects.create(advocate=ann, recipient_email="Ben@Friends.test")
        for _ in range(2):
            signals.invite_sent.send(sender=Invite, invite=invite)
    drain()
    assert len(sandbox.events(TEA, RECEIVED)) == 1
    assert Send.objects.count() == 1


def test_an_invite_told_again_while_another_account_leads_is_not_mailed_twice(
    ann: Advocate, setting: StoreSetting, second_connection: Connection, drain: Drain
) -> None:
    let_invite(ann)
    drain()
    join_to(ann, second_connection)
    invite = lifecycle.invite(ann, BEN)
    drain()
    StoreSetting.objects.filter(pk=setting.pk).update(is_enabled=False)
    tell_again(invite)
    drain()
    assert mailed() == [BEN]


@EITHER_WAY
def test_an_invite_told_again_goes_no_second_way(
    sandbox: Sandbox, ann: Advocate, drain: Drain, inviter: Program.Inviter
) -> None:
    let_invite(ann, inviter)
    drain()
    lifecycle.invite(ann, BEN)
    drain()
    [other_way] = set(Program.Inviter) - {inviter}
    let_invite(ann, other_way)
    tell_again(Invite.objects.get())
    drain()
    by_klaviyo = inviter == Program.Inviter.KLAVIYO
    assert (flows(sandbox, BEN), mailed()) == ([RECEIVED] * by_klaviyo, [BEN] * (not by_klaviyo))


def test_an_opt_out_that_a_host_wrote_itself_keeps_later_invites_back(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    drain()
    with transaction.atomic():
        no = OptOut.objects.create(store=ann.program.store, email=BEN, scope=OptOut.Scope.INVITES, place="The shop")
        signals.opted_out.send(sender=OptOut, opt_out=no)
    lifecycle.invite(ann, BEN)
    drain()
    assert flows(sandbox, BEN) == []


def test_a_reminder_that_a_host_wrote_itself_counts(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    invite = invited_days_ago(ann, drain)
    Program.objects.update(most_reminders=1)
    with transaction.atomic():
        reminder = Reminder.objects.create(invite=invite, number=1)
        signals.invite_reminded.send(sender=Reminder, reminder=reminder)
    assert reminders.remind_due() == 0
    drain()
    assert flows(sandbox, BEN) == [RECEIVED, REMINDER]


@pytest.mark.parametrize("fact", ["visit", "order"])
def test_a_visit_or_an_order_that_a_host_wrote_itself_ends_reminders(
    sandbox: Sandbox, ann: Advocate, drain: Drain, fact: str
) -> None:
    invite = invited_days_ago(ann, drain)
    with transaction.atomic():
        tell_of_a_visit(invite) if fact == "visit" else tell_of_an_order(ann)
    assert reminders.remind_due() == 0
    drain()
    assert flows(sandbox, BEN) == [RECEIVED]


def tell_of_a_visit(invite: Invite) -> None:
    visit: Model = Visit.objects.create(advocate=invite.advocate, invite=invite)
    signals.visit_recorded.send(sender=Visit, visit=visit)


def tell_of_an_order(ann: Advocate) -> None:
    order = Conversion.objects.create(advocate=ann, order_id="1", friend_email=BEN, total=1, currency="EUR")
    signals.conversion_recorded.send(sender=Conversion, conversion=order)


def test_a_store_that_was_parted_and_joined_again_sends_what_is_retried_once(
    sandbox: Sandbox, ann: Advocate, setting: StoreSetting, drain: Drain
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    connection = setting.connection
    setting.delete()
    drain()
    assert send_outcomes() == [(State.SKIPPED, "sync_off")]
    join_to(ann, connection)
    for _ in range(2):
        retrying.again(Delivery.objects.filter(send__isnull=False))
        drain()
    assert flows(sandbox, BEN) == [RECEIVED]
