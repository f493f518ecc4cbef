"""A profile at Klaviyo may have several addresses: the consent of one is never taken for another's."""

import json

import pytest
from django.core import mail

from integrations.models import Delivery
from klaviyo.delivery.erasure import erase
from klaviyo.models import ConsentDecision, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.sending_cast import EITHER_WAY, let_invite
from tests.klaviyo.story import BEN, TEA, State, known, metrics, outcome, states

FIRST = "ben@work.test"


@pytest.fixture
def ben_id(sandbox: Sandbox, ann: Advocate) -> str:
    """Ben's profile: he has subscribed at work, and said nothing about his own address."""
    [id] = sandbox.put_profiles(TEA, [SeedProfile(FIRST, consent="SUBSCRIBED", others={BEN: "UNSUBSCRIBED"})])
    return id


@EITHER_WAY
@pytest.mark.parametrize("policy", StoreSetting.Permission)
@pytest.mark.usefixtures("ben_id")
def test_a_yes_of_another_address_lets_nothing_go(
    sandbox: Sandbox, ann: Advocate, drain: Drain, inviter: str, policy: str
) -> None:
    StoreSetting.objects.update(invite_policy=policy)
    let_invite(ann, inviter)
    lifecycle.invite(ann, BEN)
    drain()
    waiting = Delivery.objects.get(send__isnull=False)
    assert (waiting.state, waiting.reason_code) == (State.SKIPPED, "consent_unknown")
    assert mail.outbox == []
    assert "Sorae Invite Received" not in [event.metric for event in sandbox.events(TEA)]
    decision = ConsentDecision.objects.get()
    assert decision.evidence["address"] == FIRST
    assert decision.evidence["consent"] == "SUBSCRIBED"


@pytest.mark.usefixtures("ben_id")
def test_both_addresses_in_one_batch_are_told_apart(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    StoreSetting.objects.update(invite_policy=StoreSetting.Permission.NOT_OPTED_OUT)
    lifecycle.invite(ann, FIRST)
    lifecycle.invite(ann, BEN)
    lifecycle.invite(ann, "new@friends.test")
    drain()
    assert outcome("invite_received", subject=FIRST) == (State.ACCEPTED, "")
    assert outcome("invite_received", subject=BEN) == (State.SKIPPED, "consent_unknown")
    assert outcome("invite_received", subject="new@friends.test") == (State.ACCEPTED, "")


def test_facts_about_the_person_are_told_and_leave_the_first_address_alone(
    sandbox: Sandbox, spring: Program, ben_id: str, drain: Drain
) -> None:
    lifecycle.join(spring, BEN, first_name="Ben")
    drain()
    assert states() == {State.ACCEPTED}
    ben = known(sandbox, BEN)
    assert (ben.id, ben.email, ben.first_name) == (ben_id, FIRST, "Ben")
    assert metrics(sandbox, FIRST) == ["Sorae Advocate Started"]


def test_an_erased_persons_address_goes_from_what_was_decided_about_their_other_one(
    ann: Advocate, ben_id: str, drain: Drain
) -> None:
    lifecycle.invite(ann, BEN)
    drain()
    erase.erase(FIRST.upper(), None)
    assert ConsentDecision.objects.get().evidence == {}
    assert FIRST not in json.dumps(list(Delivery.objects.values_list("evidence", flat=True)))
