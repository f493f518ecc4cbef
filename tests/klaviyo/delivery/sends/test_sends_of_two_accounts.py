"""A store of two accounts: each decides and tells for itself, and neither takes the other's messages along."""

from datetime import timedelta

from django.core import mail
from django.utils import timezone

from integrations import connections
from integrations.models import Connection, Delivery
from integrations.signals import account_replaced
from integrations.workers import worker
from klaviyo.models import ConsentDecision, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Invite, Program
from tests.conftest import Drain
from tests.klaviyo.sending_cast import (
    EITHER_WAY,
    OTHER,
    RECEIVED,
    REMINDER,
    SENT,
    come_back,
    flows,
    join_to,
    let_invite,
    lose,
    mailed,
    send_outcomes,
)
from tests.klaviyo.story import BEN, TEA, State, metrics

Policy = StoreSetting.Permission


def test_a_message_of_our_own_goes_although_the_account_is_replaced(
    ann: Advocate, setting: StoreSetting, second_connection: Connection, drain: Drain
) -> None:
    let_invite(ann)
    drain()
    lifecycle.invite(ann, BEN)
    old = setting.connection
    account_replaced.send(sender=Connection, old=old, new=second_connection)
    lose(old)
    come_back(drain)
    setting.refresh_from_db()
    assert setting.connection == second_connection
    assert mailed() == [BEN]


def test_the_newsletter_of_an_account_that_is_replaced_does_not_go_along(
    setting: StoreSetting, second_connection: Connection
) -> None:
    StoreSetting.objects.update(newsletter_list_id="Y6nRLr", newsletter_list_name="News", is_double_opt_in=True)
    account_replaced.send(sender=Connection, old=setting.connection, new=second_connection)
    setting.refresh_from_db()
    assert setting.connection == second_connection
    assert (setting.newsletter_list_id, setting.newsletter_list_name, setting.is_double_opt_in) == ("", "", False)


def test_a_clear_no_waits_for_no_other_account(
    sandbox: Sandbox, ann: Advocate, second_connection: Connection, drain: Drain
) -> None:
    let_invite(ann)
    drain()
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    join_to(ann, second_connection)
    lose(second_connection)
    lifecycle.invite(ann, BEN)
    drain()
    assert send_outcomes() == [(State.SKIPPED, "unsubscribed")]
    assert mail.outbox == []


def test_what_each_account_said_is_on_record(
    sandbox: Sandbox, ann: Advocate, second_connection: Connection, drain: Drain
) -> None:
    let_invite(ann)
    drain()
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    sandbox.put_profiles(OTHER, [SeedProfile(email=BEN, consent="NEVER_SUBSCRIBED")])
    join_to(ann, second_connection)
    lifecycle.invite(ann, BEN)
    drain()
    assert mailed() == [BEN]
    said = {
        row.connection.account_id: row.evidence["consent"] for row in ConsentDecision.objects.all() if row.connection
    }
    assert said == {TEA: "SUBSCRIBED", OTHER: "NEVER_SUBSCRIBED"}


def test_a_disconnected_account_does_not_swallow_what_the_other_can_send(
    ann: Advocate, setting: StoreSetting, second_connection: Connection, drain: Drain
) -> None:
    let_invite(ann)
    drain()
    join_to(ann, second_connection)
    connections.disconnect(setting.connection, None)
    lifecycle.invite(ann, BEN)
    come_back(drain)
    Delivery.objects.filter(kind="email", state=State.QUEUED).update(not_after=timezone.now() - timedelta(seconds=1))
    worker.sweep()
    assert mailed() == [BEN]


def test_an_account_that_kept_the_invite_back_gets_no_reminder_of_it(
    sandbox: Sandbox, ann: Advocate, second_connection: Connection, drain: Drain
) -> None:
    drain()
    StoreSetting.objects.update(reminder_policy=Policy.NOT_OPTED_OUT)
    join_to(ann, second_connection, reminder_policy=Policy.NOT_OPTED_OUT, invite_policy=Policy.SUBSCRIBED_ONLY)
    lifecycle.invite(ann, BEN)
    drain()
    lifecycle.remind(Invite.objects.get(), 1)
    drain()
    assert flows(sandbox, BEN) == [RECEIVED, REMINDER]
    assert flows(sandbox, BEN, OTHER) == []


@EITHER_WAY
def test_one_no_of_two_accounts_stops_a_message_of_our_own_but_not_the_flow_of_the_other(
    sandbox: Sandbox, ann: Advocate, second_connection: Connection, drain: Drain, inviter: str
) -> None:
    let_invite(ann, inviter)
    drain()
    join_to(ann, second_connection)
    sandbox.put_profiles(OTHER, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    drain()
    by_klaviyo = inviter == Program.Inviter.KLAVIYO
    assert flows(sandbox, BEN) == [RECEIVED] * by_klaviyo
    assert flows(sandbox, BEN, OTHER) == []
    assert metrics(sandbox, ann.email).count(SENT) == by_klaviyo
    assert mail.outbox == []
