"""The demo ends when nothing moves any more: it waits neither for a person, nor for an hour that a limit asks for."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Delivery
from referrals import lifecycle
from referrals.models import Advocate
from sorae.demo import settling
from sorae.demo.figures import Waiting
from tests.conftest import Drain
from tests.klaviyo.story import make_due

State = Delivery.State


def put_off(code: str, wait: timedelta) -> None:
    """What was to be told waits for a reason."""
    Delivery.objects.update(state=State.QUEUED, reason_code=code, next_try_at=timezone.now() + wait)


@pytest.mark.parametrize("code", ["advocate_cap", "one_job_in_30_minutes"])
def test_what_a_limit_has_put_off_for_long_is_not_waited_for(ann: Advocate, code: str) -> None:
    put_off(code, timedelta(minutes=10))
    assert [standing.open for standing in settling.wait()] == [0]


def test_what_is_held_is_not_waited_for(ann: Advocate) -> None:
    Delivery.objects.update(state=State.HELD)
    assert [standing.open for standing in settling.wait()] == [0]


def test_what_something_else_has_put_off_is_waited_for(
    ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(settling, "PATIENCE_SECONDS", 20.0)
    put_off("http_503", timedelta(minutes=10))
    waiting = settling.wait()
    assert next(waiting).open == 2
    make_due()
    drain()
    assert [standing.open for standing in waiting] == [0]


def test_what_only_waits_for_its_invite_is_hurried(
    ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "LOOK_EVERY", 0.0)
    monkeypatch.setattr(settling, "PATIENCE_SECONDS", 20.0)
    put_off("invite_waits", timedelta(minutes=1))
    waiting = settling.wait()
    assert [next(waiting).open, next(waiting).open] == [2, 2]
    assert not Delivery.objects.filter(next_try_at__gt=timezone.now()).exists()
    make_due()
    drain()
    assert [standing.open for standing in waiting] == [0]


def test_what_waited_is_remembered_with_what_became_of_it(ann: Advocate, drain: Drain) -> None:
    drain()
    lifecycle.invite(ann, "ben@letters.test")
    waiting = Waiting()
    waiting.look()
    assert waiting.afterwards() == []  # it is just queued
    waiting.look(["ben@letters.test"])
    Delivery.objects.filter(send__isnull=False).update(reason_code="throttled")
    waiting.look()
    drain()
    assert waiting.afterwards() == [("queued", "throttled", {"accepted": 1})]
