"""A person is erased here and at Klaviyo: no word of them stays, and everybody else's story goes on."""

import logging
from typing import Any

import pytest
from celery import signals as celery_signals
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from integrations import outbox
from integrations.models import Attempt, Delivery
from klaviyo.delivery.erasure import erase
from klaviyo.models import ConsentDecision, Erasure, Notice, Send, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle, person_key, standing, suppressions
from referrals.models import Advocate, Invite, Program, Suppression
from tests.conftest import Drain
from tests.klaviyo import canary
from tests.klaviyo.canary import BIRD
from tests.klaviyo.newsletter_cast import say_no
from tests.klaviyo.story import BEN, CID, TEA, State, choose_list, known, make_due, metrics

DAN = "dan@friends.test"


@pytest.fixture
def bird(sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain) -> Advocate:
    """All that can be told of somebody was told, and heard; and something waits, in every state."""
    choose_list(sandbox, "Advocates")
    [newsletter] = sandbox.lists(TEA)
    StoreSetting.objects.update(newsletter_list_id=newsletter.id, newsletter_list_name=newsletter.name)
    sandbox.put_profiles(TEA, [SeedProfile(email=CID, consent="SUBSCRIBED")])
    bird = canary.tell_of(ann)
    drain()
    make_due()
    drain()
    canary.remind(ann)
    for number, profile in enumerate(sandbox.profiles(TEA)):
        canary.notice(setting.connection, number, profile_id=profile.id)
        canary.notice(setting.connection, 100 + number, email=(profile.email or "").lower())
    return bird


def test_no_word_of_the_person_stays_anywhere(
    sandbox: Sandbox,
    bird: Advocate,
    operator: User,
    browser_of_the_operator: Client,
    drain: Drain,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert {row.split()[0] for row in canary.found()} >= {
        "referrals_advocate",
        "referrals_invite",
        "referrals_conversion",
        "referrals_reward",
        "referrals_optin",
        "referrals_optout",
        "referrals_visit",
        "integrations_delivery",
        "klaviyo_notice",
    }
    assert set(Delivery.objects.values_list("state", flat=True)) == set(Delivery.State)
    assert ConsentDecision.objects.exists()
    published: list[Any] = []

    def publish(body: Any, headers: Any, **_: Any) -> None:
        published.append((body, headers))

    celery_signals.before_task_publish.connect(publish)
    cache.clear()  # workers have heard of all that was before
    caplog.set_level(logging.INFO)
    browser_of_the_operator.post("/admin/klaviyo/people/erase", {"email": BIRD.lower(), "again": BIRD})
    here = [row for row in canary.found() if f"erase:{Erasure.objects.get().uid}" not in row]
    assert here == []
    canary.settle_all(drain)
    assert canary.found() == []
    assert sandbox.profile(TEA, BIRD) is None
    assert published
    for told in (str(published), caplog.text):
        assert not any(mark in told.lower() for mark in canary.MARKS)
    receipt = Erasure.objects.get()
    assert receipt.requested_by == operator
    assert receipt.removed["invites"] == 1
    assert Suppression.objects.get(store=None).mailbox_hash == receipt.mailbox_hash == person_key.of(BIRD)


def test_what_belongs_to_others_stays(sandbox: Sandbox, bird: Advocate, ann: Advocate, drain: Drain) -> None:
    figures = standing.of([ann.pk, bird.pk])
    cids = Send.objects.get(invite__recipient_email=CID)
    before = (cids.profile_id, list(cids.decisions.values()), Attempt.objects.count())
    told = [metrics(sandbox, email) for email in (ann.email, CID, DAN)]
    lists = known(sandbox, DAN).lists
    notices = Notice.objects.count()
    erase.erase(BIRD, None)
    cids.refresh_from_db()
    assert (cids.profile_id, list(cids.decisions.values()), Attempt.objects.count()) == before
    assert before[0]
    assert before[1]
    canary.settle_all(drain)
    assert Notice.objects.count() == notices - 2
    assert standing.of([ann.pk, bird.pk]) == figures
    assert [metrics(sandbox, email) for email in (ann.email, CID, DAN)] == told
    assert known(sandbox, DAN).lists == lists


def test_what_others_have_waiting_is_told_without_a_name(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    bird = canary.tell_of(ann)
    Delivery.objects.filter(options__metric="referred_visit", subject=ann.email).update(state=State.HELD)
    lifecycle.went_out(Invite.objects.get(recipient_email=BIRD))
    erase.erase(BIRD, None)
    Delivery.objects.filter(state=State.HELD).update(state=State.QUEUED)
    canary.settle_all(drain)
    assert metrics(sandbox, ann.email) == [
        "Sorae Advocate Started",
        "Sorae Conversion",
        "Sorae Invite Sent",
        "Sorae Referred Visit",
    ]
    assert not any(mark in str(sandbox.events(TEA)).lower() for mark in canary.MARKS)
    assert metrics(sandbox, DAN) == ["Sorae Referred Purchase"]
    assert known(sandbox, ann.email).properties["sorae_conversions"] == 1
    assert sandbox.profile(TEA, CID) is None
    assert Send.objects.get(invite__advocate=bird).delivery.state == State.CANCELLED
    assert {profile.email for profile in sandbox.profiles(TEA)} == {ann.email, DAN}


def test_somebody_erased_is_not_told_of_as_somebody_else(
    sandbox: Sandbox, bird: Advocate, ann: Advocate, drain: Drain
) -> None:
    """Their friends still buy, and Klaviyo gets no profile of the address that stands for nobody."""
    erase.erase(BIRD, None)
    canary.settle_all(drain)
    sold = lifecycle.convert(bird, order_id="E-1", friend_email="eve@friends.test", total="9", currency="EUR")
    lifecycle.reward(bird, kind="cash", amount=1, currency="EUR", conversion=sold)
    lifecycle.refund(sold)
    lifecycle.visit(bird)
    lifecycle.remind(Invite.objects.get(advocate=ann), 20)
    drain()
    assert metrics(sandbox, "eve@friends.test") == ["Sorae Referred Purchase"]
    assert not any(suppressions.is_erased(profile.email or "") for profile in sandbox.profiles(TEA))
    assert not Delivery.objects.filter(subject__endswith=suppressions.NOBODY).exists()


@pytest.mark.parametrize("invites_by", Program.Inviter)
def test_nobody_invites_them_again_and_klaviyo_is_not_asked(
    sandbox: Sandbox, ann: Advocate, drain: Drain, invites_by: Program.Inviter
) -> None:
    Program.objects.update(invites_by=invites_by)
    ann.refresh_from_db()
    lifecycle.invite(ann, BEN)
    erase.erase(BEN, None)
    canary.settle_all(drain)
    lifecycle.invite(ann, "BEN@friends.test")
    drain()
    send = Send.objects.get(invite__recipient_email="BEN@friends.test")
    assert (send.delivery.state, send.delivery.reason_code) == (State.SKIPPED, "erased")
    assert send.decisions.get().code == "erased"
    assert not send.delivery.attempts.exists()
    assert "Sorae Invite Sent" not in metrics(sandbox, ann.email)
    assert sandbox.profile(TEA, BEN) is None


def test_a_person_may_come_back(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    list_id = choose_list(sandbox)
    StoreSetting.objects.update(newsletter_list_id=list_id)
    lifecycle.join(ann.program, BEN)
    drain()
    erase.erase(BEN, None)
    canary.settle_all(drain)
    assert sandbox.profile(TEA, BEN) is None
    back = lifecycle.join(ann.program, BEN, first_name="Ben")
    drain()
    assert known(sandbox, BEN).lists == (list_id,)
    assert known(sandbox, BEN).properties["sorae_referral_code"] == back.referral_code
    assert metrics(sandbox, BEN) == ["Sorae Advocate Started"]
    lifecycle.opt_in(ann.program.store, BEN, wording="Yes", place="a mail of ours", proof="confirmed")
    drain()
    assert Delivery.objects.get(kind="subscribe").state == State.ACCEPTED


@pytest.mark.parametrize("asked", ["KANARI@münchen.example", "kanari@xn--mnchen-3ya.example"])
@pytest.mark.parametrize("stored", ["Kanari@münchen.example", "kanari@xn--mnchen-3ya.example"])
def test_any_spelling_is_the_person(sandbox: Sandbox, ann: Advocate, drain: Drain, asked: str, stored: str) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email="KANARI@xn--mnchen-3ya.example", consent="SUBSCRIBED")])
    canary.tell_of(ann, stored)
    drain()
    canary.remind(ann, stored)
    erase.erase(asked, None)
    canary.settle_all(drain)
    assert canary.found() == []
    assert not any("nchen" in (profile.email or "").lower() for profile in sandbox.profiles(TEA))
    assert outcome_of_asking() == (State.ACCEPTED, "deletion_asked", "")


def test_somebody_only_klaviyo_knows(sandbox: Sandbox, setting: StoreSetting, drain: Drain) -> None:
    [id] = sandbox.put_profiles(TEA, [SeedProfile(email="Ben@Friends.test")])
    canary.notice(setting.connection, 1, profile_id=id)
    erase.erase(BEN, None)
    drain()
    assert sandbox.profiles(TEA) == []
    assert outcome_of_asking() == (State.ACCEPTED, "deletion_asked", "")
    assert not Notice.objects.exists()


def test_somebody_nobody_knows(sandbox: Sandbox, setting: StoreSetting, drain: Drain) -> None:
    receipt = erase.erase(BEN, None)
    drain()
    assert outcome_of_asking() == (State.ACCEPTED, "not_known", "")
    assert receipt.removed == {}


def test_an_address_that_no_account_takes_is_not_asked_about(
    setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    address = f"{'k' * 60}@{'ö' * 30}.example"
    lifecycle.invite(ann, address)
    erase.erase(address, None)
    assert outcome_of_asking() == (State.SKIPPED, "not_askable", "")
    assert not Delivery.objects.filter(subject__contains="kkk").exists()


def test_erased_twice_there_are_two_receipts(sandbox: Sandbox, bird: Advocate, drain: Drain) -> None:
    first, second = erase.erase(BIRD, None), erase.erase(BIRD, None)
    canary.settle_all(drain)
    assert second.removed == {}
    codes = [Delivery.objects.get(source=str(receipt.uid)).reason_code for receipt in (first, second)]
    assert sorted(codes) == ["deletion_asked", "not_known"]


def test_a_no_that_was_told_again_names_nobody_after_the_next_erasure(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    """However the host writes the address when the person is back."""
    sandbox.put_profiles(TEA, [SeedProfile(BEN, consent="SUBSCRIBED")])
    no = say_no(scope="everything")
    erase.erase(BEN, None)
    drain()
    lifecycle.convert(ann, order_id="1", friend_email=BEN.title(), total="20", currency="EUR")
    for _ in range(3):
        drain()
        make_due()
    told = Delivery.objects.filter(source=str(no.uid))
    assert told.get().subject
    erase.erase(BEN, None)
    assert not Delivery.objects.filter(subject__iexact=BEN).exists()


def test_what_was_forgotten_cannot_be_tried_again(bird: Advocate, sandbox: Sandbox, drain: Drain) -> None:
    erase.erase(BIRD, None)
    canary.settle_all(drain)
    asked = len(sandbox.requests())
    outbox.retry(Delivery.objects.filter(subject=""))
    drain()
    assert len(sandbox.requests()) == asked
    assert sandbox.profile(TEA, BIRD) is None


def outcome_of_asking() -> tuple[str, str, str]:
    delivery = Delivery.objects.get(kind="erase")
    return delivery.state, delivery.reason_code, delivery.subject
