"""Erasing an address that is a further one of a profile: Klaviyo would delete all of it, so somebody is asked."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.delivery.erasure import erase
from klaviyo.models import Erasure
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.made_sends import page
from tests.klaviyo.newsletter_cast import UNSUBSCRIBE, fate, say_no
from tests.klaviyo.story import BEN, TEA, State, known, make_due

FIRST = "ben@work.test"
WAITS = (State.HELD, "further_address")


@pytest.fixture
def receipt(sandbox: Sandbox, ann: Advocate, drain: Drain) -> Erasure:
    """Ben has asked to be forgotten, under his second address."""
    sandbox.put_profiles(TEA, [SeedProfile(FIRST, others={BEN: "SUBSCRIBED"})])
    drain()
    receipt = erase.erase(BEN, None)
    drain()
    return receipt


def asked() -> tuple[str, str]:
    row = Delivery.objects.get(kind="erase")
    return row.state, row.reason_code


def answer(browser: Client, receipt: Erasure, word: str) -> str:
    row = Delivery.objects.get(kind="erase")
    address = f"/admin/klaviyo/erasures/{receipt.uid}/"
    browser.post(address, {"delivery": str(row.pk), "answer": word})
    return page(browser, address)


def emails(sandbox: Sandbox) -> set[str | None]:
    return {one.email for one in sandbox.profiles(TEA)}


def test_nothing_is_deleted_there_before_somebody_agrees(
    sandbox: Sandbox, receipt: Erasure, browser_of_the_operator: Client, drain: Drain
) -> None:
    assert asked() == WAITS
    content = page(browser_of_the_operator, f"/admin/klaviyo/erasures/{receipt.uid}/")
    assert "deletes the whole profile" in content
    assert FIRST not in content
    assert BEN not in content
    assert FIRST in emails(sandbox)
    Delivery.objects.update(state=State.QUEUED)
    make_due()
    drain()  # as when the account is connected anew, or somebody tries again
    assert asked() == WAITS
    assert FIRST in emails(sandbox)


def test_until_then_the_address_gets_no_more_mail(
    sandbox: Sandbox, ann: Advocate, connection: Connection, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(FIRST, consent="SUBSCRIBED", others={BEN: "SUBSCRIBED"})])
    drain()
    no = say_no(scope="everything")
    erase.erase(BEN, None)
    drain()
    assert fate(no)[0] == State.CANCELLED
    assert asked() == WAITS
    assert (known(sandbox, FIRST).consent, known(sandbox, FIRST).others) == ("SUBSCRIBED", {BEN: "UNSUBSCRIBED"})
    sandbox.flip(TEA, BEN, "subscribed")  # he has asked for it again, at the account
    Delivery.objects.filter(kind="erase").update(state=State.QUEUED)
    make_due()
    drain()
    assert asked() == WAITS
    assert known(sandbox, FIRST).others == {BEN: "SUBSCRIBED"}


@pytest.mark.parametrize("status", [400, 403])
def test_it_is_asked_though_klaviyo_does_not_unsubscribe_the_address(
    sandbox: Sandbox, ann: Advocate, spoil: Spoil, drain: Drain, status: int
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(FIRST, others={BEN: "SUBSCRIBED"})])
    drain()
    refusal = b'{"errors": [{"id": "1", "code": "not_this", "title": "No.", "detail": "No."}]}'
    spoil(UNSUBSCRIBE, lambda _: (status, refusal))
    erase.erase(BEN, None)
    drain()
    assert asked() == WAITS


def test_a_no_of_who_is_back_waits_for_no_answer(sandbox: Sandbox, receipt: Erasure, drain: Drain) -> None:
    sandbox.flip(TEA, BEN, "subscribed")
    no = say_no(scope="everything")
    drain()
    assert fate(no) == (State.ACCEPTED, "")
    assert known(sandbox, FIRST).others == {BEN: "UNSUBSCRIBED"}
    assert asked() == WAITS


def test_a_no_of_who_is_back_waits_for_a_deletion_that_goes_by_itself(
    sandbox: Sandbox, receipt: Erasure, drain: Drain
) -> None:
    Delivery.objects.filter(kind="erase").update(state=State.QUEUED, next_try_at=timezone.now() + timedelta(hours=1))
    no = say_no(scope="everything")
    drain()
    assert fate(no) == (State.QUEUED, "erased_first")


def test_whoever_agrees_has_the_whole_profile_deleted(
    sandbox: Sandbox, receipt: Erasure, browser_of_the_operator: Client, drain: Drain
) -> None:
    answer(browser_of_the_operator, receipt, "delete")
    drain()
    assert asked() == (State.ACCEPTED, "deletion_asked")
    assert FIRST not in emails(sandbox)


def test_what_was_done_by_hand_is_done(
    sandbox: Sandbox, receipt: Erasure, browser_of_the_operator: Client, drain: Drain
) -> None:
    content = answer(browser_of_the_operator, receipt, "by_hand")
    assert "taken the address off" in content
    assert asked() == (State.ACCEPTED, "address_taken_off")
    answer(browser_of_the_operator, receipt, "delete")
    drain()
    assert asked() == (State.ACCEPTED, "address_taken_off")
    assert FIRST in emails(sandbox)


def test_it_is_not_answered_in_passing(
    sandbox: Sandbox, receipt: Erasure, browser_of_the_operator: Client, drain: Drain
) -> None:
    answer(browser_of_the_operator, receipt, "")
    address = f"/admin/klaviyo/erasures/{receipt.uid}/"
    for odd in ("", "0", "x", "\u0663", "9" * 30):
        browser_of_the_operator.post(address, {"delivery": odd, "answer": "delete"})
    assert asked() == WAITS


def test_the_first_address_is_deleted_without_a_question(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(FIRST, others={BEN: "SUBSCRIBED"})])
    erase.erase(FIRST.upper(), None)
    drain()
    assert asked() == (State.ACCEPTED, "deletion_asked")


def test_the_page_says_so_before(browser_of_the_operator: Client, ann: Advocate) -> None:
    content = page(browser_of_the_operator, "/admin/klaviyo/people/erase", {"email": BEN})
    assert "several addresses on one profile" in content
