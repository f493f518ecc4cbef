"""Advocates who invite or refer themselves: recorded without a reward and told to nobody, or refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from referrals import lifecycle, reminders, standing
from referrals.models import Advocate, Conversion, Invite, Program

Heard = list[tuple[str, Any]]
OWN = ["ann@example.com", " Ann@Example.COM ", "ANN@example.com"]


def order(ann: Advocate, email: str = OWN[0], **more: Any) -> Conversion:
    return lifecycle.convert(ann, **{"order_id": "1", "total": "50", "currency": "EUR", "friend_email": email, **more})


@pytest.fixture
def strict(program: Program) -> None:
    Program.objects.update(self_referrals=Program.SelfReferrals.REFUSED, most_reminders=3)


@pytest.mark.parametrize("email", OWN)
def test_an_own_order_is_recorded_and_told_to_nobody(ann: Advocate, heard: Heard, email: str) -> None:
    mine = order(ann, email)
    assert order(ann, email) == mine
    back = lifecycle.refund(mine, total="20")
    assert (mine.is_own, back.is_own, ann.conversions.count()) == (True, True, 2)
    assert heard == []
    assert standing.of([ann.pk])[ann.pk].conversions == 0


@pytest.mark.parametrize("recipient", ["advocate", "friend"])
def test_there_is_no_reward_for_it(ann: Advocate, heard: Heard, recipient: str) -> None:
    with pytest.raises(ValidationError, match="the advocate's own order"):
        lifecycle.reward(ann, kind="cash", amount=5, currency="EUR", conversion=order(ann), recipient=recipient)
    assert heard == []
    assert not ann.rewards.exists()


@pytest.mark.parametrize("email", OWN)
def test_an_invite_to_oneself_is_recorded_closed_and_told_to_nobody(ann: Advocate, heard: Heard, email: str) -> None:
    Program.objects.update(most_reminders=3)
    mine = lifecycle.invite(ann, email)
    assert lifecycle.invite(ann, email) == mine
    lifecycle.went_out(mine, occurred_at=timezone.now() - timedelta(days=30))
    lifecycle.remind(mine, 1)
    assert reminders.remind_due() == 0
    mine.refresh_from_db()
    assert mine.is_own
    assert mine.closed_at is not None
    assert heard == []
    assert standing.of([ann.pk])[ann.pk].invites == 0


@pytest.mark.parametrize("email", OWN)
def test_a_program_may_refuse_both(ann: Advocate, strict: None, heard: Heard, email: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        order(ann, email)
    assert refusal.value.message_dict.keys() == {"friend_email"}
    with pytest.raises(ValidationError, match="the advocate's own") as refusal:
        lifecycle.invite(ann, email)
    assert refusal.value.message_dict.keys() == {"recipient_email"}
    assert not Conversion.objects.exists()
    assert not Invite.objects.exists()
    assert heard == []


def test_what_was_recorded_before_is_still_what_it_was(ann: Advocate, heard: Heard) -> None:
    mine, invited = order(ann), lifecycle.invite(ann, OWN[0])
    Program.objects.update(self_referrals=Program.SelfReferrals.REFUSED)
    assert (order(ann), lifecycle.invite(ann, OWN[0])) == (mine, invited)


def test_friends_are_friends(ann: Advocate, strict: None, heard: Heard) -> None:
    lifecycle.invite(ann, "anna@example.com")
    friends = order(ann, "anna@example.com")
    lifecycle.reward(ann, kind="cash", amount=5, currency="EUR", conversion=friends)
    assert [name for name, _ in heard] == ["invite_sent", "conversion_recorded", "reward_issued"]


def test_an_own_order_is_own_after_they_were_erased(ann: Advocate, heard: Heard) -> None:
    lifecycle.erase(OWN[0])
    heard.clear()
    mine = order(ann, occurred_at=timezone.now() - timedelta(days=1))
    assert mine.is_own
    assert heard == []
