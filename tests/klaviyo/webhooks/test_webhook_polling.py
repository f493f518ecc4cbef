"""Without a webhook an account is asked every minute whom it has suppressed; with one, now and then."""

from datetime import timedelta

import pytest
from django.utils import timezone

from integrations.models import Connection, Delivery
from klaviyo.models import ConsentWatch, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from klaviyo.webhooks import polling, turns
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests.conftest import Connect
from tests.klaviyo.story import BEN, CID, TEA, State

WITHOUT_WEBHOOKS = "accounts:read profiles:read profiles:write events:read events:write lists:read lists:write"


@pytest.fixture
def connection(connect: Connect) -> Connection:
    """Connected by somebody who did not allow webhooks."""
    connect(scope=WITHOUT_WEBHOOKS)
    return Connection.objects.get()


def look() -> ConsentWatch:
    ConsentWatch.objects.update(next_look_at=None)
    turns.take_all()
    return ConsentWatch.objects.select_related("connection").get()


def a_minute_later() -> ConsentWatch:
    for watch in ConsentWatch.objects.exclude(pulled_until=None):
        ConsentWatch.objects.update(pulled_until=watch.pulled_until and watch.pulled_until - timedelta(minutes=1))
    return look()


def of(email: str) -> tuple[str, str]:
    delivery = Delivery.objects.get(send__isnull=False, subject=email)
    return delivery.state, delivery.reason_code


CANCELLED = (State.CANCELLED, "opted_out_at_klaviyo")
WAITING = (State.QUEUED, "")


def test_who_unsubscribes_at_klaviyo_gets_nothing_of_what_waits(sandbox: Sandbox, ann: Advocate) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=email, consent="SUBSCRIBED") for email in (BEN, CID)])
    for email in (BEN, CID):
        lifecycle.invite(ann, email)
    assert look().webhook_id == ""
    assert of(BEN) == of(CID) == WAITING
    sandbox.flip(TEA, BEN, "unsubscribed")
    a_minute_later()
    assert (of(BEN), of(CID)) == (CANCELLED, WAITING)


@pytest.mark.parametrize("how", ["unsubscribed", "suppressed", "spam", "bounced"])
def test_every_kind_of_no_is_seen_at_the_first_look_too(sandbox: Sandbox, ann: Advocate, how: str) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    sandbox.flip(TEA, BEN, how)
    look()
    assert of(BEN) == CANCELLED


def test_it_is_asked_once_a_minute_and_with_a_webhook_twice_an_hour(sandbox: Sandbox, connection: Connection) -> None:
    look()
    look()
    assert len(sandbox.requests("get_profiles")) == 1
    a_minute_later()
    assert len(sandbox.requests("get_profiles")) == 2
    ConsentWatch.objects.update(webhook_id="01JD0000000000000000000000", problem="")
    a_minute_later()
    assert len(sandbox.requests("get_profiles")) == 2
    ConsentWatch.objects.update(pulled_until=timezone.now() - timedelta(minutes=31))
    look()
    assert len(sandbox.requests("get_profiles")) == 3


def test_a_long_answer_is_read_on_where_it_was_left(
    sandbox: Sandbox, connection: Connection, ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [f"friend-{number:03}@friends.test" for number in range(250)]
    sandbox.put_profiles(TEA, [SeedProfile(email=email, suppressions=["USER_SUPPRESSED"]) for email in many])
    for email in (many[0], many[249]):
        lifecycle.invite(ann, email)
    monkeypatch.setattr(polling, "LONGEST_SECONDS", -1.0)
    watch = look()
    assert watch.pulled_until is None
    assert of(many[0]) == CANCELLED
    look()
    assert of(many[249]) == WAITING
    watch = look()
    assert of(many[249]) == CANCELLED
    assert (watch.pull_left, watch.pulled_until is not None) == ({}, True)
    assert len(sandbox.requests("get_profiles")) == 3


def test_a_place_in_an_answer_that_is_refused_is_forgotten(sandbox: Sandbox, connection: Connection) -> None:
    watch = look()
    ConsentWatch.objects.update(
        pull_left={"next": {"page[cursor]": "odd", "page[size]": "100"}, "until": "2026-11-20T10:00:00+00:00"}
    )
    assert look().pull_left == {}
    assert look().pulled_until == watch.pulled_until


def test_what_klaviyo_does_not_answer_is_asked_again_from_the_same_time(
    sandbox: Sandbox, connection: Connection, ann: Advocate
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="SUBSCRIBED")])
    lifecycle.invite(ann, BEN)
    before = look().pulled_until
    sandbox.flip(TEA, BEN, "unsubscribed")
    sandbox.fault("get_profiles", "500", count=1)
    ConsentWatch.objects.update(pulled_until=timezone.now() - timedelta(minutes=2))
    assert look().pulled_until != before
    assert of(BEN) == WAITING
    look()
    assert of(BEN) == CANCELLED


def test_one_account_that_cannot_be_asked_keeps_no_other_waiting(
    sandbox: Sandbox, connection: Connection, second_connection: Connection, spring: Program
) -> None:
    StoreSetting.objects.create(store=spring.store, connection=second_connection, behaviour="create")
    sandbox.put_profiles("Qk7LmA", [SeedProfile(email=BEN, suppressions=["USER_SUPPRESSED"])])
    lifecycle.invite(lifecycle.join(spring, "ann@example.com"), BEN)
    sandbox.fault("get_profiles", "500", count=1, account=TEA)
    turns.take_all()
    assert of(BEN) == CANCELLED
