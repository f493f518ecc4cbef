"""A message that was taken back while nobody knew whether it had left: found at Klaviyo, it counts as sent."""

import json
from collections import Counter

import pytest
from django.utils import timezone

from integrations.models import Attempt, Delivery
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Invite
from tests.conftest import Drain
from tests.klaviyo.confirmation.reading_cast import read_back
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.sending_cast import SENT, flows, send_outcomes
from tests.klaviyo.story import BEN, State, metrics


def taken_back(ann: Advocate, drain: Drain, sandbox: Sandbox, fault: str) -> None:
    """The answer about Ben's invite gets lost; before the next try an operator cancels it."""
    drain()
    sandbox.fault("create_event", fault)
    lifecycle.invite(ann, BEN)
    drain()
    waiting = Delivery.objects.filter(send__isnull=False, state=State.QUEUED)
    assert waiting.update(state=State.CANCELLED, reason_code="operator", settled_at=timezone.now()) == 1


def test_what_had_left_is_confirmed_and_told_of(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    taken_back(ann, drain, sandbox, "accept_then_drop")
    read_back()
    assert send_outcomes() == [(State.CONFIRMED, "")]
    assert Invite.objects.get().went_out_at is not None
    drain()
    assert metrics(sandbox, ann.email).count(SENT) == 1


@pytest.mark.parametrize("fault", ["500", "reset"])
def test_what_had_not_left_stays_taken_back(sandbox: Sandbox, ann: Advocate, drain: Drain, fault: str) -> None:
    taken_back(ann, drain, sandbox, fault)
    read_back(3)
    assert send_outcomes() == [(State.CANCELLED, "operator")]
    assert flows(sandbox, BEN) == []


def test_nobody_is_asked_about_what_was_refused_by_klaviyo(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    taken_back(ann, drain, sandbox, "429")
    asked = len(sandbox.requests("get_events"))
    read_back()
    looks = sandbox.requests("get_events")[asked:]
    assert len(looks) <= 1
    assert send_outcomes() == [(State.CANCELLED, "operator")]


def test_a_look_that_klaviyo_refuses_keeps_nothing_else_from_being_read_back(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    taken_back(ann, drain, sandbox, "accept_then_drop")
    refused = {"errors": [{"id": "1", "code": "invalid", "title": "No", "detail": "Not like this."}]}
    spoil("get_events", lambda _: (400, json.dumps(refused).encode()), times=1)
    read_back()
    assert Delivery.objects.get(kind="event", send=None).state == State.CONFIRMED
    assert send_outcomes() == [(State.CANCELLED, "operator")]
    read_back()
    assert send_outcomes() == [(State.CONFIRMED, "")]


def test_however_many_are_in_doubt_each_gets_its_turn(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    for number in range(45):
        lifecycle.invite(ann, f"friend{number}@friends.test")
    drain()
    messages = Delivery.objects.filter(send__isnull=False, state=State.ACCEPTED)
    doubts = Attempt.objects.filter(deliveries__in=messages, operation="create_event")
    assert doubts.update(status=None, finished_at=None) == 45
    messages.update(state=State.CANCELLED, reason_code="operator", settled_at=timezone.now())
    read_back(3)
    assert Counter(send_outcomes()) == {(State.CONFIRMED, ""): 45}
