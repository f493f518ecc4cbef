"""Many waiting events go in jobs: how large those are, in which order, and what never goes in one."""

import uuid

import pytest

from integrations import outbox
from integrations.models import Attempt, Delivery
from integrations.workers import worker
from klaviyo.api import bulk
from klaviyo.delivery import events
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import (
    JOB,
    SINGLE,
    VISIT,
    Sent,
    assert_each_once,
    come_back,
    ids,
    jobs,
    joined,
    look,
    many_visits,
    older,
    the_connection,
    told,
    unique_id,
    visits,
)
from tests.klaviyo.story import TEA, State, states


def test_many_go_in_one_request(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    visits(ann, 30)
    drain()
    assert len(sandbox.requests(JOB)) == 1
    assert len(sandbox.events(TEA, VISIT)) == 30
    assert states() == {State.ACCEPTED}


def test_few_go_one_by_one_and_at_once(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    visits(ann, 4)
    drain()
    assert sandbox.requests(JOB) == []
    assert len(sandbox.events(TEA, VISIT)) == 4


def test_a_job_holds_a_thousand_at_most(sent: Sent, sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    many_visits(ann, 2_300)
    drain()
    sizes = [len(told(groups)) for groups in jobs(sent)]
    assert max(sizes) == bulk.MOST_EVENTS
    assert sum(sizes) == 2_300
    assert len(sizes) == 3
    assert_each_once(sandbox)


def test_a_job_stays_below_four_and_a_half_megabytes(sent: Sent, sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    visits(ann, 40)
    for delivery in Delivery.objects.filter(state=State.QUEUED, kind="event"):
        properties = delivery.body["data"]["attributes"]["properties"]
        properties |= {f"note_{number}": "x" * 50_000 for number in range(6)}
        delivery.save()
    drain()
    asked = [exchange for exchange in sent() if exchange.operation == JOB]
    assert len(asked) == 3
    assert max(len(exchange.body) for exchange in asked) <= bulk.MOST_BYTES
    assert len(sandbox.events(TEA, VISIT)) == 40


def test_events_stand_by_person_each_in_their_order(
    sent: Sent, sandbox: Sandbox, spring: Program, ann: Advocate, drain: Drain
) -> None:
    others = joined(spring, 2)
    drain()
    for number in range(4):
        for person in (ann, *others):
            lifecycle.visit(person, landing_page=f"https://teahouse.example/{number}")
    older()
    drain()
    (groups,) = jobs(sent)
    people = [group["attributes"]["profile"]["data"]["attributes"]["email"] for group in groups]
    assert people == [ann.email, *(person.email for person in others)]
    for group in groups:
        pages = [event["properties"]["landing_page"] for event in told([group])]
        assert pages == [f"https://teahouse.example/{number}" for number in range(4)]


def test_no_id_stands_twice_in_a_job(ann: Advocate, drain: Drain) -> None:
    drain()
    visits(ann, 6)
    batch = outbox.claim(the_connection(), wanted=outbox.lots(the_connection(), ["event"]))
    packs = [*events._packs([*batch, batch[0]])]
    assert [len(pack) for pack in packs] == [6, 1]


def test_what_was_tried_before_goes_alone(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    visits(ann, 20)
    Delivery.objects.filter(kind="event", state=State.QUEUED).update(attempts_made=1)
    drain()
    assert sandbox.requests(JOB) == []
    assert len(sandbox.requests(SINGLE)) == 1 + 20
    assert_each_once(sandbox)


def test_what_came_last_gets_into_the_next_job(
    sent: Sent, sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain()
    many_visits(ann, 1_500)
    older()
    lifecycle.visit(ann, landing_page="https://teahouse.example/new")
    monkeypatch.setattr(worker, "QUANTUM_SECONDS", 0.0)
    monkeypatch.setattr(worker, "_is_left_over", lambda pk: worker._round(the_connection()))
    worker.drain(the_connection().pk)
    pages = [event["properties"].get("landing_page") for event in told(jobs(sent)[0])]
    assert "https://teahouse.example/new" in pages
    assert len(pages) == bulk.MOST_EVENTS


def test_the_request_is_on_record_for_each(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    visits(ann, 10)
    drain()
    attempt = Attempt.objects.get(operation=JOB)
    assert attempt.status == 202
    assert attempt.deliveries.count() == 10
    assert {unique_id(delivery) for delivery in attempt.deliveries.all()} == {
        event.unique_id for event in sandbox.events(TEA, VISIT)
    }


def test_an_event_waits_for_the_profile_that_is_about_to_go(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, drain: Drain
) -> None:
    people = joined(spring, 6)
    in_hand = Delivery.objects.filter(kind="profile")
    in_hand.update(state=State.SENDING, lease=uuid.uuid4())
    worker.drain(the_connection().pk)
    assert set(Delivery.objects.filter(kind="event").values_list("state", "reason_code", "attempts_made")) == {
        (State.QUEUED, "", 0)
    }
    assert sandbox.requests("get_profiles") == []
    in_hand.update(state=State.QUEUED, lease=None)
    come_back(drain)
    look()
    assert len(sandbox.requests(JOB)) == 1
    assert sandbox.requests(SINGLE) == []
    assert len(ids(sandbox)) == len(people)


def test_an_event_waits_for_no_profile_that_a_running_import_holds_back(
    sandbox: Sandbox, setting: StoreSetting, spring: Program, drain: Drain
) -> None:
    StoreSetting.objects.update(behaviour=StoreSetting.Behaviour.UPDATE_EXISTING)
    sandbox.put_profiles(TEA, [SeedProfile(email=f"person-{n}@friends.test") for n in range(6)])
    sandbox.settings(import_seconds=3600)
    people = joined(spring, 6)
    drain()
    for person in people:
        lifecycle.visit(person)
    drain()
    assert len(sandbox.events(TEA, VISIT)) == 6
    assert Delivery.objects.filter(kind="profile", state=State.QUEUED).count() == 6
