"""Reminders follow their invite: one for each wait, none before it has gone, and all by the policy of that moment."""

from datetime import timedelta

from django.utils import timezone

from integrations import connections, reasons
from integrations.models import Connection, Delivery
from integrations.workers import worker
from klaviyo.models import Send, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle, reminders
from referrals.models import Advocate, Invite
from tests.conftest import Connect, Drain
from tests.klaviyo.sending_cast import RECEIVED, REMINDER, flows, invited_days_ago, send_outcomes
from tests.klaviyo.story import BEN, State, make_due

Policy = StoreSetting.Permission


def test_reminders_that_became_due_while_the_account_was_away_become_one(
    sandbox: Sandbox, connection: Connection, ann: Advocate, drain: Drain, connect: Connect
) -> None:
    invited_days_ago(ann, drain)
    connections.mark_reconnect(connection, reasons.of("access_withdrawn", "The app was removed."))
    reminders.remind_due()
    Invite.objects.update(contacted_at=timezone.now() - timedelta(days=1, hours=1))
    reminders.remind_due()
    worker.sweep()
    connect()
    drain()
    assert flows(sandbox, BEN) == [RECEIVED, REMINDER]


def test_nothing_is_decided_about_a_reminder_while_its_invite_waits(ann: Advocate, drain: Drain) -> None:
    StoreSetting.objects.update(reminder_policy=Policy.NOT_OPTED_OUT)
    drain()
    invite = lifecycle.invite(ann, BEN)
    Delivery.objects.filter(send__isnull=False).update(state=State.HELD)
    lifecycle.remind(invite, 1)
    for _ in range(5):
        make_due()
        drain()
    reminder = Send.objects.get(kind=Send.Kind.REMINDER)
    assert (reminder.delivery.state, reminder.delivery.reason_code) == (State.QUEUED, "invite_waits")
    assert not reminder.decisions.exists()


def test_a_policy_that_was_tightened_while_an_invite_waited_is_the_one_that_counts(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    drain()
    lifecycle.invite(ann, BEN)
    StoreSetting.objects.update(invite_policy=Policy.SUBSCRIBED_ONLY)
    drain()
    assert flows(sandbox, BEN) == []
    assert send_outcomes() == [(State.SKIPPED, "no_profile")]


def test_a_policy_that_was_tightened_while_a_reminder_waited_is_the_one_that_counts(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    invited_days_ago(ann, drain)
    assert reminders.remind_due() == 1
    StoreSetting.objects.update(reminder_policy=Policy.SUBSCRIBED_ONLY)
    drain()
    assert flows(sandbox, BEN) == [RECEIVED]
    assert send_outcomes()[-1] == (State.SKIPPED, "never_subscribed")
