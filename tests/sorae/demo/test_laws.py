"""The laws notice a loss, a double and a breach of consent, also where our own record says that all is well."""

from dataclasses import replace
from typing import Any

import pytest

from integrations.models import Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate
from sorae.demo.laws import Broken
from tests.conftest import Drain
from tests.consent_screen import TEA_HOUSE_LTD
from tests.sorae.demo.judging import BEN, ben, judged, seen, without


@pytest.fixture
def told(ann: Advocate, drain: Drain) -> Advocate:
    """Ann has joined, invited Ben, who ordered, and is rewarded; Klaviyo has heard it all."""
    lifecycle.invite(ann, BEN)
    order = lifecycle.convert(ann, order_id="1", friend_email=BEN, total="20.00", currency="EUR")
    lifecycle.reward(ann, kind="credit", amount="5.00", currency="EUR", conversion=order)
    drain()
    return ann


def test_all_laws_are_kept_when_klaviyo_has_heard_everything(told: Advocate, sandbox: Sandbox) -> None:
    assert judged(sandbox) == Broken()
    assert len(seen(sandbox)) == 6


def test_an_event_that_klaviyo_lost_is_missing_though_our_record_says_accepted(
    ann: Advocate, drain: Drain, sandbox: Sandbox
) -> None:
    drain()
    sandbox.fault("create_event", "lost")
    lifecycle.visit(ann)
    drain()
    assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.ACCEPTED}
    (sentence,) = judged(sandbox).missing
    assert sentence.startswith("Sorae Referred Visit of ")


def test_a_fact_without_a_delivery_is_missing(told: Advocate, sandbox: Sandbox) -> None:
    Delivery.objects.filter(key__startswith="conversion:").delete()
    (sentence,) = judged(sandbox).missing
    assert sentence.endswith("has no delivery.")


def test_a_delivery_that_still_waits_is_missing_and_so_is_what_the_profile_does_not_say(
    told: Advocate, sandbox: Sandbox
) -> None:
    lifecycle.visit(told)
    event, profile = judged(sandbox).missing
    assert event.endswith("our record says queued.")
    assert profile.endswith("differs from our books in visits.")


@pytest.mark.parametrize("reason", ["", "crashed_worker", "invalid", "sync_off"])
def test_a_record_without_a_good_reason_does_not_account_for_an_event(
    told: Advocate, sandbox: Sandbox, reason: str
) -> None:
    ended = {"state": Delivery.State.FAILED, "reason_code": reason}
    Delivery.objects.filter(key__startswith="reward_issued:").update(**ended)
    assert len(judged(sandbox, without(sandbox, "Sorae Reward Issued")).missing) == 1


@pytest.mark.parametrize("reason", ["suppressed", "unknown_person", "never_subscribed"])
def test_a_reason_that_is_not_true_does_not_account_for_an_event(told: Advocate, sandbox: Sandbox, reason: str) -> None:
    Delivery.objects.filter(key__startswith="invite_received:").update(state=Delivery.State.SKIPPED, reason_code=reason)
    assert len(judged(sandbox, without(sandbox, "Sorae Invite Received")).missing) == 1


def test_a_reason_that_is_true_does(ann: Advocate, drain: Drain, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(email=BEN, suppressions=["HARD_BOUNCE"])])
    lifecycle.invite(ann, BEN)
    drain()
    assert Delivery.objects.get(key__startswith="invite_received:").reason_code == "suppressed"
    assert judged(sandbox, before=ben("NEVER_SUBSCRIBED", "HARD_BOUNCE")) == Broken()


@pytest.mark.parametrize("changed", [{}, {"unique_id": "another"}, {"profile_id": "somebody's"}])
def test_a_fact_that_is_there_twice_is_noticed_under_whatever_id(
    told: Advocate, sandbox: Sandbox, changed: dict[str, Any]
) -> None:
    events = seen(sandbox)
    assert len(judged(sandbox, [*events, replace(events[0], **changed)]).twice) == 1


def test_an_event_that_no_fact_calls_for_is_there_once_too_often(told: Advocate, sandbox: Sandbox) -> None:
    events = seen(sandbox)
    strange = replace(events[0], unique_id="strange", properties={"fact_id": "of nobody"})
    elsewhere = replace(events[0], account="Qk7LmA")
    assert len(judged(sandbox, [*events, strange]).twice) == 1
    assert len(judged(sandbox, [*events, elsewhere]).twice) == 1


def test_a_marketers_own_events_are_none_of_our_business(told: Advocate, sandbox: Sandbox) -> None:
    events = seen(sandbox)
    opened = replace(events[0], metric="Opened Email", unique_id="7", properties={})
    assert judged(sandbox, [*events, opened]) == Broken()


@pytest.mark.parametrize(
    ("consent", "suppressions"),
    [("UNSUBSCRIBED", ()), ("SUBSCRIBED", ("SPAM_COMPLAINT",)), ("NEVER_SUBSCRIBED", ("HARD_BOUNCE",)), ("MAYBE", ())],
)
def test_an_invite_to_somebody_who_said_no_is_against_consent(
    told: Advocate, sandbox: Sandbox, consent: str, suppressions: tuple[str, ...]
) -> None:
    told_of = judged(sandbox, before=ben(consent, *suppressions)).against_consent
    assert "Sorae Invite Received" in told_of[0]


def test_an_invite_beyond_the_stores_policy_is_against_consent(
    told: Advocate, setting: StoreSetting, sandbox: Sandbox
) -> None:
    StoreSetting.objects.update(invite_policy=StoreSetting.Permission.SUBSCRIBED_ONLY)
    assert len(judged(sandbox).against_consent) == 1


def test_a_consent_that_changed_is_against_consent(told: Advocate, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    assert len(judged(sandbox).against_consent) == 1
