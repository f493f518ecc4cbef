"""Anna of straße.test and Anna of strasse.test are two people, everywhere."""

from functools import partial

import pytest
from django.core import mail

from klaviyo.delivery.erasure import erase
from klaviyo.models import Erasure, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle, noes, person_key, suppressions
from referrals.models import Advocate, OptIn, OptOut, Suppression
from tests.conftest import Drain
from tests.klaviyo.sending_cast import EITHER_WAY, flows, let_invite, mailed, send_outcomes
from tests.klaviyo.story import TEA, State, metrics

ANNA, ON_THE_WIRE, OTHER = "anna@stra\u00dfe.test", "anna@xn--strae-oqa.test", "anna@strasse.test"
BOTH = pytest.mark.parametrize(("one", "another"), [(ANNA, OTHER), (OTHER, ANNA)])


@EITHER_WAY
def test_anothers_yes_lets_nothing_go(sandbox: Sandbox, ann: Advocate, drain: Drain, inviter: str) -> None:
    let_invite(ann, inviter)
    ann.program.store.klaviyo_settings.update(invite_policy=StoreSetting.Permission.SUBSCRIBED_ONLY)
    sandbox.put_profiles(TEA, [SeedProfile(email=OTHER, consent="SUBSCRIBED")])
    drain()
    lifecycle.invite(ann, ANNA)
    drain()
    assert (mailed(), flows(sandbox, OTHER), flows(sandbox, ON_THE_WIRE)) == ([], [], [])
    assert [state for state, _ in send_outcomes()] == [State.SKIPPED]


def test_what_is_told_of_her_is_on_her_own_profile(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    lifecycle.convert(ann, order_id="1", friend_email=ANNA, total="49.90", currency="EUR")
    lifecycle.join(ann.program, ANNA, first_name="Anna")
    lifecycle.invite(ann, ANNA)
    drain()
    assert sandbox.profile(TEA, OTHER) is None
    told = {"Sorae Advocate Started", "Sorae Invite Received", "Sorae Referred Purchase"}
    assert set(metrics(sandbox, ON_THE_WIRE)) == told


def test_our_own_mail_goes_to_her_own_domain(ann: Advocate, drain: Drain) -> None:
    let_invite(ann)
    lifecycle.invite(ann, ANNA)
    drain()
    assert mailed() == [ON_THE_WIRE]
    assert mail.outbox[0].message()["To"] == ON_THE_WIRE


@BOTH
def test_a_no_is_hers_alone(ann: Advocate, one: str, another: str) -> None:
    store = ann.program.store
    lifecycle.opt_out(store, one, scope="everything", place="The page")
    assert set(suppressions.of(store.pk, [one, another])) == {person_key.mailbox(one)}
    assert [no.email for no in noes.standing([one, another])] == [one]
    assert noes.standing([another]) == []


@BOTH
def test_a_yes_takes_back_no_no_but_hers(ann: Advocate, one: str, another: str) -> None:
    store = ann.program.store
    no = lifecycle.opt_out(store, one, scope="everything", place="The page")
    say_yes = partial(lifecycle.opt_in, store, wording="Yes.", place="The page", proof=OptIn.Proof.CONFIRMED)
    say_yes(another)
    assert not noes.is_taken_back(no)
    say_yes(one)
    assert noes.is_taken_back(no)


@BOTH
def test_an_erasure_is_hers_alone(sandbox: Sandbox, ann: Advocate, drain: Drain, one: str, another: str) -> None:
    for email in (one, another):
        lifecycle.join(ann.program, email)
        lifecycle.opt_out(ann.program.store, email, scope="newsletter", place="The page")
    drain()
    erase.erase(one, None)
    drain()
    left = person_key.mailbox(another)
    assert {OTHER, ON_THE_WIRE} & {profile.email for profile in sandbox.profiles(TEA)} == {left}
    assert Advocate.objects.filter(email=another).exists()
    assert [no.email for no in OptOut.objects.all() if not suppressions.is_erased(no.email)] == [another]
    assert set(suppressions.of(None, [one, another])) == {person_key.mailbox(one)}


@pytest.mark.parametrize("reason", ["erased", "complained", "unsubscribed"])
def test_a_key_of_before_still_holds(ann: Advocate, reason: str) -> None:
    """It was made of the name that both had then, and nobody can say whose it was."""
    Suppression.objects.create(mailbox_hash=person_key.digest(1, ANNA), key_version=1, reason=reason)
    assert set(suppressions.of(None, [ANNA, OTHER])) == {ON_THE_WIRE, OTHER}


def test_a_deletion_that_is_owed_holds_up_nobody_else(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    lifecycle.join(ann.program, OTHER)
    drain()
    erase.erase(ANNA, None)
    lifecycle.convert(ann, order_id="1", friend_email=OTHER, total="5", currency="EUR")
    drain()
    assert "Sorae Referred Purchase" in metrics(sandbox, OTHER)
    assert Erasure.objects.get().key_version == person_key.VERSION
