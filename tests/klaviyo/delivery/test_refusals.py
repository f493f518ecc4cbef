"""What Klaviyo refuses costs just that, and what cannot be sent now stops nobody else for good."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery
from klaviyo.mapping import profiles
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Exchange, Sandbox, SeedProfile
from referrals import lifecycle, signals
from referrals.models import Advocate, Program, Visit
from tests.conftest import Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.story import BEN, CID, TEA, State, choose_list, known, let_pass, make_due, states

PHONE = "+358401234567"


def test_a_locale_that_klaviyo_refuses_costs_the_locale_only(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    lifecycle.update(ann, locale="xx-YY")
    error = {"id": "1", "code": "invalid", "title": "Invalid.", "source": {"pointer": "/data/attributes/locale"}}
    refused = 400, json.dumps({"errors": [error]}).encode()
    spoil("create_or_update_profile", lambda document: refused if "locale" in str(sent()[-1].json) else document)
    drain()
    profile = Delivery.objects.get(kind="profile")
    assert profile.state == State.ACCEPTED
    assert "locale" in str(profile.warnings)
    assert known(sandbox, ann.email).properties["sorae_referral_code"] == ann.referral_code


def test_those_behind_one_that_meets_an_error_are_not_tried_and_lose_no_try(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    for _ in range(5):
        lifecycle.visit(ann)
    sandbox.fault("create_event", "503", count=1)
    drain()
    assert len(sandbox.requests("create_event")) == 1
    told = Delivery.objects.filter(kind="event").order_by("pk")
    assert list(told.values_list("attempts_made", flat=True)) == [1, 0, 0, 0, 0, 0]
    make_due()
    drain()
    assert states() == {State.ACCEPTED}


def test_one_that_never_gets_through_does_not_starve_the_others(
    sent: Callable[[], list[Exchange]], sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    visits = [str(lifecycle.visit(ann).uid) for _ in range(5)]
    unlucky = visits[0]
    spoil("create_event", lambda _: (500, b"{}") if unlucky in str(sent()[-1].json) else (202, b""))
    for _ in range(4):
        drain()
        let_pass(timedelta(seconds=7))
    assert states(source=unlucky) == {State.QUEUED}
    assert states(kind="event", source__in=visits[1:]) == {State.ACCEPTED}


def test_a_missing_scope_for_lists_holds_list_adds_only(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    choose_list(sandbox)
    lifecycle.invite(ann, BEN)
    sandbox.fault("add_profiles_to_list", "missing_scope", count=50)
    drain()
    assert states(kind="list") == {State.HELD}
    assert set(Delivery.objects.exclude(kind="list").values_list("state", flat=True)) == {State.ACCEPTED}
    assert Connection.objects.get().is_connected


def test_warnings_are_said_once_however_often_it_is_tried(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email="other@teahouse.test", phone_number=PHONE)])
    lifecycle.convert(ann, order_id="1", friend_email=CID, friend_phone=PHONE, total="1", currency="EUR")
    lifecycle.update(ann, phone=PHONE)
    sandbox.fault("create_or_update_profile", "500", count=6)
    for _ in range(4):
        drain()
        make_due()
    drain()
    assert states() == {State.ACCEPTED}
    assert all(len(warnings) <= 1 for warnings in Delivery.objects.values_list("warnings", flat=True))
    assert len(Delivery.objects.get(kind="profile").warnings) == 1


def test_a_fault_of_our_own_is_logged_without_the_person(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaking(advocate: Advocate, *_: object) -> None:
        raise ValueError(advocate.email)

    monkeypatch.setattr(profiles, "profile", breaking)
    drain()
    assert "ValueError" in caplog.text
    assert ann.email not in caplog.text
    assert ann.email not in Delivery.objects.get(kind="profile").reason


def test_what_could_never_be_told_reaches_no_request_however_often_it_is_retried(
    sandbox: Sandbox, spring: Program, ann: Advocate, drain: Drain
) -> None:
    odd = Advocate.objects.create(program=spring, email="not an address")
    signals.advocate_joined.send(sender=Advocate, advocate=odd)
    visit = lifecycle.visit(ann)
    Delivery.objects.filter(options__metric="referred_visit").delete()
    visit.occurred_at = timezone.now() + timedelta(days=999)
    signals.visit_recorded.send(sender=Visit, visit=visit)
    drain()
    made = len(sandbox.requests())
    assert outbox.retry(Delivery.objects.filter(state=State.FAILED)) == 3
    drain()
    assert len(sandbox.requests()) == made
    assert Delivery.objects.filter(state=State.FAILED).count() == 3
