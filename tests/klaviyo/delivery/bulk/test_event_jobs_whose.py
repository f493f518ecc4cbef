"""Whose events go in a job: of nobody whose consent is needed, who is unknown, or whose store was switched off."""

from integrations.models import Delivery
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import (
    JOB,
    SINGLE,
    UPSERT,
    VISIT,
    Sent,
    assert_each_once,
    jobs,
    older,
    told,
    visits,
)
from tests.klaviyo.story import BEN, TEA, State, make_due, metrics, states


def test_what_needs_consent_never_goes_in_a_job(sent: Sent, sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    for number in range(12):
        lifecycle.invite(ann, f"friend-{number}@friends.test")
    older()
    drain()
    make_due()
    drain()
    in_jobs = {event["metric"]["data"]["attributes"]["name"] for groups in jobs(sent) for event in told(groups)}
    assert "Sorae Invite Received" not in in_jobs
    assert len(sandbox.events(TEA, "Sorae Invite Received")) == 12


def test_who_is_unknown_is_passed_over_where_nobody_may_be_made(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    visits(ann, 10)
    drain()
    assert set(Delivery.objects.values_list("state", "reason_code")) == {(State.SKIPPED, "unknown_person")}
    assert sandbox.profile(TEA, ann.email) is None
    assert sandbox.requests(JOB) == sandbox.requests(SINGLE) == []


def test_who_is_unknown_is_brought_first_where_people_may_be_made(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    visits(ann, 10)
    Delivery.objects.filter(kind="profile").delete()
    drain()
    assert len(sandbox.requests(UPSERT)) >= 1
    known = sandbox.profile(TEA, ann.email)
    assert known is not None
    assert known.first_name == "Ann"
    assert states() == {State.ACCEPTED}
    assert_each_once(sandbox)


def test_a_store_that_was_switched_off_is_told_nothing(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    drain()
    visits(ann, 10)
    StoreSetting.objects.update(is_enabled=False)
    drain()
    waited = Delivery.objects.filter(options__metric="referred_visit")
    assert set(waited.values_list("state", "reason_code")) == {(State.SKIPPED, "sync_off")}
    assert sandbox.events(TEA, VISIT) == []


def test_an_event_about_somebody_who_moved_goes_all_the_same(
    sandbox: Sandbox, spring: Program, ann: Advocate, drain: Drain
) -> None:
    drain()
    visits(ann, 10)
    lifecycle.update(ann, first_name="Anna")
    lifecycle.invite(ann, BEN)
    drain()
    assert states() == {State.ACCEPTED}
    assert metrics(sandbox, BEN) == ["Sorae Invite Received"]
    assert_each_once(sandbox)
