"""A newsletter word of somebody whom Klaviyo knows by another address first."""

import pytest

from klaviyo.sandbox import Sandbox, SeedProfile
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.newsletter_cast import choose_newsletter, fate, jobs, say_no, say_yes
from tests.klaviyo.story import BEN, TEA, State, known, make_due

FIRST = "ben@work.test"


@pytest.fixture(params=["SUBSCRIBED", "UNSUBSCRIBED"])
def of_first(request: pytest.FixtureRequest, sandbox: Sandbox, ann: Advocate) -> str:
    """What Ben has said about his first address; about the second he has said no."""
    word: str = request.param
    choose_newsletter(sandbox)
    sandbox.put_profiles(TEA, [SeedProfile(FIRST, consent=word, others={BEN: "UNSUBSCRIBED"})])
    return word


@pytest.mark.parametrize("proof", ["", "signed_in"])
def test_a_yes_that_may_undo_a_complaint_that_is_not_told_comes_from_the_mailbox(
    sandbox: Sandbox, of_first: str, drain: Drain, proof: str
) -> None:
    yes = say_yes(proof=proof)
    drain()
    assert fate(yes) == (State.SKIPPED, "not_proved")
    assert jobs(sandbox) == 0


def test_a_confirmed_yes_is_the_second_addresss_whatever_the_first_has_said(
    sandbox: Sandbox, of_first: str, drain: Drain
) -> None:
    yes = say_yes(proof="confirmed")
    drain()
    assert fate(yes) == (State.ACCEPTED, "")
    ben = known(sandbox, BEN)
    assert (ben.email, ben.consent, ben.others) == (FIRST, of_first, {BEN: "SUBSCRIBED"})


def test_a_no_ends_what_the_second_address_gets(sandbox: Sandbox, of_first: str, drain: Drain) -> None:
    sandbox.flip(TEA, BEN, "subscribed")
    no = say_no(scope="everything")
    drain()
    make_due()
    drain()
    assert fate(no) == (State.ACCEPTED, "")
    ben = known(sandbox, BEN)
    assert (ben.consent, ben.others) == (of_first, {BEN: "UNSUBSCRIBED"})


def test_leaving_the_list_is_no_end_of_everything(sandbox: Sandbox, of_first: str, drain: Drain) -> None:
    sandbox.flip(TEA, BEN, "subscribed")
    [newsletter] = sandbox.lists(TEA)
    sandbox.put_profiles(TEA, [SeedProfile(FIRST, lists=[newsletter.id])])
    no = say_no()
    drain()
    assert fate(no) == (State.ACCEPTED, "")
    assert known(sandbox, BEN).others == {BEN: "SUBSCRIBED"}
    assert known(sandbox, BEN).lists == ()
