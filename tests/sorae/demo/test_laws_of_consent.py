"""The laws judge by time: what was sent before a person's no was right, what was sent after it was not."""

import pytest

from integrations.models import Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Invite, OptIn, Store, Suppression
from sorae.demo.laws import Broken
from tests.conftest import Drain
from tests.consent_screen import TEA_HOUSE_LTD
from tests.sorae.demo.judging import BEN, ben, change, judged

NEWSLETTER = "Newsletter"


@pytest.fixture
def invite(ann: Advocate, drain: Drain) -> Invite:
    """Ann has invited Ben, and Klaviyo has heard it."""
    invite = lifecycle.invite(ann, BEN)
    drain()
    return invite


@pytest.fixture
def list_id(sandbox: Sandbox, setting: StoreSetting) -> str:
    [made] = sandbox.put_lists(TEA_HOUSE_LTD, [SeedList(NEWSLETTER)])
    StoreSetting.objects.update(newsletter_list_id=made, newsletter_list_name=NEWSLETTER)
    return made


def opt_in(store: Store, **more: object) -> OptIn:
    return lifecycle.opt_in(store, BEN, wording="Yes, news please.", place="join form", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("to", ["unsubscribed", "suppressed", "spam", "bounced"])
def test_what_was_sent_before_a_no_was_right_and_what_came_after_it_was_not(
    invite: Invite, sandbox: Sandbox, to: str
) -> None:
    sandbox.flip(TEA_HOUSE_LTD, BEN, to)
    assert judged(sandbox, changes=[change(to, str(invite.uid))]) == Broken()
    (sentence,) = judged(sandbox, changes=[change(to)]).against_consent
    assert sentence == f"Sorae Invite Received of {invite.uid} went to a person who may not be told."


def test_a_yes_after_a_no_allows_what_comes_after_it(invite: Invite, sandbox: Sandbox) -> None:
    sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    assert judged(sandbox, before=ben("UNSUBSCRIBED", "UNSUBSCRIBE"), changes=[change("subscribed")]) == Broken()
    late = change("subscribed", str(invite.uid))
    assert len(judged(sandbox, before=ben("UNSUBSCRIBED", "UNSUBSCRIBE"), changes=[late]).against_consent) == 1


def test_an_invite_to_somebody_who_left_the_stores_list_is_against_consent(
    invite: Invite, list_id: str, sandbox: Sandbox
) -> None:
    left = {"list_suppressions": [NEWSLETTER]}
    sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    assert len(judged(sandbox, before=ben("SUBSCRIBED", **left)).against_consent) == 1
    assert judged(sandbox, before=ben("SUBSCRIBED", list_suppressions=["Another list"])) == Broken()


def test_an_invite_that_was_made_after_a_no_to_sorae_is_against_consent(invite: Invite, sandbox: Sandbox) -> None:
    lifecycle.suppress(BEN, Suppression.Reason.UNSUBSCRIBED, invite.advocate.program.store)
    assert judged(sandbox).against_consent == []
    Suppression.objects.update(created_at=invite.occurred_at.replace(year=2020))
    (sentence,) = judged(sandbox).against_consent
    assert sentence.endswith("went to a person who had said no to Sorae.")


def test_a_consent_that_the_person_gave_here_is_no_breach(
    tea_house: Store, list_id: str, drain: Drain, sandbox: Sandbox
) -> None:
    given = opt_in(tea_house)
    drain()
    assert judged(sandbox) == Broken()
    OptIn.objects.filter(pk=given.pk).update(email="cid@letters.test")
    assert len(judged(sandbox).against_consent) == 1


def test_text_messages_that_nobody_asked_for_are_against_consent(
    tea_house: Store, list_id: str, drain: Drain, sandbox: Sandbox
) -> None:
    opt_in(tea_house, channels=["email", "sms"], phone="+49 1512 3456789")
    drain()
    assert judged(sandbox) == Broken()
    OptIn.objects.update(channels=["email"])
    (sentence,) = judged(sandbox).against_consent
    assert sentence.endswith("was subscribed to text messages.")


@pytest.mark.parametrize(("scope", "breaches"), [("everything", 0), ("newsletter", 1), ("invites", 1)])
def test_only_who_turned_everything_down_may_be_unsubscribed_from_everything(
    tea_house: Store, setting: StoreSetting, sandbox: Sandbox, scope: str, breaches: int
) -> None:
    sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.opt_out(tea_house, BEN, scope=scope, place="account page")
    sandbox.flip(TEA_HOUSE_LTD, BEN, "unsubscribed")
    assert len(judged(sandbox, before=ben("SUBSCRIBED")).against_consent) == breaches


def test_an_erased_person_who_is_still_there_is_against_consent(invite: Invite, sandbox: Sandbox) -> None:
    (sentence,) = judged(sandbox, erased=["Ben@Letters.test"]).against_consent
    assert sentence.endswith("is an erased person's.")


def test_a_yes_that_klaviyo_does_not_have_is_missing(
    tea_house: Store, list_id: str, drain: Drain, sandbox: Sandbox
) -> None:
    opt_in(tea_house)
    drain()
    sandbox.put_profiles(TEA_HOUSE_LTD, [SeedProfile(email=BEN, consent="NEVER_SUBSCRIBED")])
    (sentence,) = judged(sandbox).missing
    assert sentence.endswith("the person is not subscribed.")


@pytest.mark.parametrize("code", ["opted_out", "withdrawn_since", "expired", "no_newsletter_list", "no_phone", ""])
def test_an_untrue_reason_does_not_account_for_a_yes(
    tea_house: Store, list_id: str, sandbox: Sandbox, code: str
) -> None:
    opt_in(tea_house)
    Delivery.objects.filter(kind="subscribe").update(state=Delivery.State.SKIPPED, reason_code=code)
    assert len(judged(sandbox).missing) == 1


def test_a_yes_that_waits_for_its_half_hour_is_accounted_for_when_there_was_another(
    tea_house: Store, list_id: str, drain: Drain, sandbox: Sandbox
) -> None:
    opt_in(tea_house)
    drain()
    lifecycle.opt_in(tea_house, BEN, wording="Once more, please.", place="checkout")
    drain()
    assert Delivery.objects.filter(reason_code="one_job_in_30_minutes").count() == 1
    assert judged(sandbox) == Broken()
    OptIn.objects.order_by("pk").first().delete()  # type: ignore[union-attr]
    assert len(judged(sandbox).missing) == 1
