"""A profile at Klaviyo may have several addresses: the consent of one is never taken for another's."""

import json

import pytest
from django.core import mail
from pytest_django import Settings

from integrations.models import Delivery
from klaviyo.delivery.erasure import erase
from klaviyo.models import ConsentDecision, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import look
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


@pytest.fixture
def two(spring: Program, ben_id: str) -> tuple[Advocate, Advocate]:
    """Both of Ben's addresses are advocates; the first is not that one which joined first."""
    other = lifecycle.join(spring, BEN, first_name="Ben")
    return lifecycle.join(spring, FIRST, first_name="Benedict"), other


@pytest.mark.parametrize("many", [False, True])
def test_a_profile_says_of_two_advocates_what_its_first_address_has_done(
    sandbox: Sandbox, two: tuple[Advocate, Advocate], drain: Drain, settings: Settings, many: bool
) -> None:
    settings.KLAVIYO_BULK_FROM = 1 if many else 100
    first, other = two
    for _ in range(3):
        for advocate in (first, other, other):
            lifecycle.visit(advocate)
        drain()
        look()
        drain()
        properties = known(sandbox, BEN).properties
        assert properties["sorae_referral_code"] == first.referral_code
    assert properties["sorae_visits"] == 3
    assert bool(sandbox.requests("bulk_import_profiles")) == many
    profiles = Delivery.objects.filter(kind="profile")
    of_the_other = set(profiles.filter(subject=BEN).values_list("state", "reason_code"))
    assert of_the_other == {(State.SKIPPED, "shared_profile")}
    assert set(profiles.filter(subject=FIRST).values_list("state", "reason_code")) == {(State.ACCEPTED, "")}
    assert metrics(sandbox, FIRST).count("Sorae Referred Visit") == 9


def test_when_the_first_address_is_no_advocates_any_more_the_other_one_is_told_of(
    sandbox: Sandbox, two: tuple[Advocate, Advocate], drain: Drain
) -> None:
    first, other = two
    drain()
    Advocate.objects.filter(pk=first.pk).update(email="elsewhere@work.test")
    lifecycle.visit(other)
    drain()
    assert known(sandbox, BEN).properties["sorae_referral_code"] == other.referral_code


def test_of_whom_that_is_known_klaviyo_is_asked_though_they_have_no_name(
    sandbox: Sandbox, two: tuple[Advocate, Advocate], drain: Drain, settings: Settings
) -> None:
    Advocate.objects.update(first_name="", last_name="")
    drain()
    settings.KLAVIYO_BULK_FROM = 1
    for advocate in two:
        lifecycle.visit(advocate)
    Delivery.objects.filter(kind="event").delete()
    drain()
    look()
    assert known(sandbox, BEN).properties["sorae_referral_code"] == two[0].referral_code
    assert known(sandbox, BEN).properties["sorae_visits"] == 1


def test_an_erased_persons_address_goes_from_what_was_decided_about_their_other_one(
    ann: Advocate, ben_id: str, drain: Drain
) -> None:
    lifecycle.invite(ann, BEN)
    drain()
    erase.erase(FIRST.upper(), None)
    assert ConsentDecision.objects.get().evidence == {}
    assert FIRST not in json.dumps(list(Delivery.objects.values_list("evidence", flat=True)))
