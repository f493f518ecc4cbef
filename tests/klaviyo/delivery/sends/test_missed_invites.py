"""Invites of a store that is joined to no account: they go when it is joined again, but nobody is surprised by one."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Delivery
from integrations.outbox import retrying
from klaviyo import tasks
from klaviyo.models import Send, StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Invite, Program
from tests.conftest import Drain
from tests.klaviyo.sending_cast import RECEIVED, flows, join_to, let_invite, mailed, send_outcomes
from tests.klaviyo.story import BEN, CID, State, make_due


def part(setting: StoreSetting, drain: Drain) -> None:
    drain()
    StoreSetting.objects.all().delete()


def join(advocate: Advocate, setting: StoreSetting, drain: Drain) -> None:
    join_to(advocate, setting.connection)
    for _ in range(2):
        tasks.tell_noes()
        drain()
        make_due()


@pytest.mark.parametrize("inviter", Program.Inviter)
def test_what_a_store_missed_while_it_was_parted_goes_once(
    sandbox: Sandbox, ann: Advocate, setting: StoreSetting, drain: Drain, inviter: Program.Inviter
) -> None:
    let_invite(ann, inviter)
    lifecycle.invite(ann, CID)
    part(setting, drain)
    lifecycle.invite(ann, BEN)
    assert Send.objects.count() == 1
    join(ann, setting, drain)
    part(setting, drain)
    join(ann, setting, drain)
    by_klaviyo = inviter == Program.Inviter.KLAVIYO
    assert (flows(sandbox, BEN), mailed().count(BEN)) == ([RECEIVED] * by_klaviyo, 0 if by_klaviyo else 1)


def test_what_is_older_than_a_stores_first_join_is_on_record_and_goes_when_it_is_retried(
    sandbox: Sandbox, ann: Advocate, setting: StoreSetting, drain: Drain
) -> None:
    part(setting, drain)
    invite = lifecycle.invite(ann, BEN)
    join(ann, setting, drain)
    assert send_outcomes() == [(State.SKIPPED, "made_before")]
    assert flows(sandbox, BEN) == []
    delivery = Delivery.objects.get(send__invite=invite)
    assert delivery.not_after == invite.occurred_at + timedelta(days=7)
    retrying.again(Delivery.objects.filter(pk=delivery.pk))
    drain()
    assert flows(sandbox, BEN) == [RECEIVED]


def test_who_said_no_meanwhile_gets_none(sandbox: Sandbox, ann: Advocate, setting: StoreSetting, drain: Drain) -> None:
    lifecycle.invite(ann, CID)
    part(setting, drain)
    lifecycle.invite(ann, BEN)
    lifecycle.opt_out(ann.program.store, BEN, scope="invites", place="A page")
    join(ann, setting, drain)
    assert flows(sandbox, BEN) == []


@pytest.mark.parametrize("change", ["old", "expired", "gone out", "off"])
def test_what_is_of_no_use_or_went_otherwise_stays(
    sandbox: Sandbox, ann: Advocate, setting: StoreSetting, drain: Drain, change: str
) -> None:
    lifecycle.invite(ann, CID)
    part(setting, drain)
    now = timezone.now()
    invite = lifecycle.invite(ann, BEN, occurred_at=now - timedelta(days=8) if change == "old" else None)
    if change == "expired":
        Invite.objects.filter(pk=invite.pk).update(expires_at=now)
    elif change == "gone out":
        lifecycle.went_out(invite)
    if change == "off":
        StoreSetting.objects.create(store=ann.program.store, connection=setting.connection, is_enabled=False)
        tasks.tell_noes()
    else:
        join(ann, setting, drain)
    assert not Send.objects.filter(invite=invite).exists()
    assert flows(sandbox, BEN) == []
