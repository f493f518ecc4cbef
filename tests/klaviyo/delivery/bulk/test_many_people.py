"""Thousands of people at once: each is looked up, and what has been learnt is not thrown away."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations import pacing
from integrations.models import Connection, Delivery
from klaviyo.api import profile_search, profiles
from klaviyo.models import StoreSetting
from klaviyo.profiles import import_job
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import IMPORT, joined, look, only_profiles
from tests.klaviyo.sending_cast import killed_before
from tests.klaviyo.story import TEA, State, make_due, outcome, states

LOOK_UP = "get_profiles"


@pytest.fixture
def few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "LOOKED_UP_AT_ONCE", 2)
    monkeypatch.setattr(profile_search, "MOST_CALLS", 3)


@pytest.mark.usefixtures("few_at_once")
def test_any_number_of_people_can_be_looked_up(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, drain: Drain
) -> None:
    joined(spring, 12, first_name="Ann")
    only_profiles()
    drain()
    look()
    assert states() == {State.ACCEPTED}
    assert (len(sandbox.requests(LOOK_UP)), len(sandbox.requests(IMPORT))) == (6, 1)


@pytest.mark.usefixtures("few_at_once")
def test_whoever_was_found_before_the_budget_was_used_up_goes_on(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    joined(spring, 12, first_name="Ann")
    only_profiles()
    left = iter([timedelta()] * 4 + [timedelta(minutes=1)] * 100)
    take = pacing.take_all
    monkeypatch.setattr(
        pacing, "take_all", lambda all, **more: next(left) if LOOK_UP in all[0][0] else take(all, **more)
    )
    drain()
    assert Delivery.objects.filter(state=State.SENDING, job__isnull=False).count() == 8
    waiting = Delivery.objects.filter(state=State.QUEUED)
    assert {(row.reason_code, row.attempts_made) for row in waiting} == {("throttled", 0)}
    monkeypatch.setattr(pacing, "take_all", take)
    make_due()
    drain()
    look()
    assert states() == {State.ACCEPTED}


def test_a_deletion_waits_for_an_import_that_nobody_lived_to_write_down(
    sandbox: Sandbox, people: list[Advocate], drain: Drain
) -> None:
    with killed_before(import_job, "begin"):
        drain()
    connection = Connection.objects.get()
    assert import_job.may_still_write(connection, Delivery.objects.latest("pk").created_at)


def test_a_store_that_makes_nobody_does_not_rely_on_what_another_told_hours_ago(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    told = Delivery.objects.filter(kind="profile")
    two_hours_ago = timezone.now() - timedelta(hours=2)
    told.update(state=State.ACCEPTED, settled_at=two_hours_ago, options={"sync": setting.pk + 1, "advocate": ann.pk})
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    drain()
    assert outcome("advocate_started") == (State.SKIPPED, "unknown_person")
    assert sandbox.profiles(TEA) == []
