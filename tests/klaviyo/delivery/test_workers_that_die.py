"""Workers that die in the middle of everything: nothing is lost or told twice, and nobody's no is passed by."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import requests
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Lease
from integrations.workers import one_by_one, worker
from klaviyo.api import profile_search, transport
from klaviyo.api.client import Client
from klaviyo.models import StoreSetting
from klaviyo.profiles import new_profile_list
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.klaviyo.story import (
    BEN,
    CID,
    TEA,
    State,
    choose_list,
    end_leases,
    known,
    let_pass,
    make_due,
    metrics,
    outcome,
    states,
)

REQUESTS = 12  # of the story below: two look-ups, two upserts, five events; one look-up and two adds for the list
SETTLED = 8  # a profile, five events, two list adds


class Killed(BaseException):
    """A worker that is no more; no code of ours sees it coming."""


def tell_the_story(ann: Advocate) -> None:
    lifecycle.update(ann, phone="+358401234567")
    lifecycle.invite(ann, BEN)
    lifecycle.convert(ann, order_id="1", friend_email=CID, total="1", currency="EUR")


def come_back(drain: Drain) -> None:
    """The sweeps of the next minutes, and workers that live."""
    for _ in range(3):
        end_leases()
        worker.sweep()
        make_due()
        drain()


def assert_that_all_was_told_once(sandbox: Sandbox, ann: Advocate, list_id: str) -> None:
    assert states() == {State.ACCEPTED}
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started", "Sorae Conversion", "Sorae Invite Sent"]
    assert metrics(sandbox, BEN) == ["Sorae Invite Received"]
    assert metrics(sandbox, CID) == ["Sorae Referred Purchase"]
    assert known(sandbox, ann.email).properties["sorae_referral_code"] == ann.referral_code
    assert known(sandbox, ann.email).lists == known(sandbox, CID).lists == (list_id,)
    assert known(sandbox, BEN).lists == ()


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, REQUESTS + 1))
def test_a_worker_may_die_at_any_request(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain, number: int, answered: bool
) -> None:
    list_id = choose_list(sandbox)
    tell_the_story(ann)
    send, made = transport.send, 0

    def dying(*about: Any, **request: Any) -> requests.Response:
        nonlocal made
        made += 1
        if made == number and not answered:
            raise Killed
        response = send(*about, **request)
        if made == number:
            raise Killed
        return response

    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(transport, "send", dying)
        with pytest.raises(Killed):
            drain()
    come_back(drain)
    assert_that_all_was_told_once(sandbox, ann, list_id)


@pytest.mark.parametrize("number", range(1, SETTLED + 1))
def test_a_worker_may_die_between_an_answer_and_its_record(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain, number: int
) -> None:
    list_id = choose_list(sandbox)
    tell_the_story(ann)
    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(one_by_one, "TOGETHER", 1)
        die_at_writing(mortal, number)
        with pytest.raises(Killed):
            drain()
    come_back(drain)
    assert_that_all_was_told_once(sandbox, ann, list_id)


def test_a_worker_may_die_with_much_that_was_taken_and_not_written(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    for order in range(20):
        lifecycle.convert(ann, order_id=str(order), friend_email=CID, total="1", currency="EUR")
    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(one_by_one, "TOGETHER_SECONDS", 3600.0)
        mortal.setattr(outbox, "settle_taken", killed)
        with pytest.raises(Killed):
            drain()
    assert len(metrics(sandbox, CID)) == 20
    assert State.SENDING in states()
    come_back(drain)
    assert states() == {State.ACCEPTED}
    assert len(metrics(sandbox, CID)) == 20
    assert max(event.received for event in sandbox.events(TEA)) == 2


def die_at_writing(mortal: pytest.MonkeyPatch, number: int) -> None:
    """When so many outcomes have been written."""
    made = 0

    def dying(write: Callable[..., Any], *about: Any) -> Any:
        nonlocal made
        made += 1
        if made == number:
            raise Killed
        return write(*about)

    for name in ("settle", "settle_taken"):
        mortal.setattr(outbox, name, partial(dying, getattr(outbox, name)))


def killed(*_: Any) -> None:
    raise Killed


def test_a_list_add_outlives_the_worker_that_planned_it(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    list_id = choose_list(sandbox)

    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(new_profile_list, "settle", killed)
        with pytest.raises(Killed):
            drain()
    assert known(sandbox, ann.email).lists == ()
    end_leases()
    worker.sweep()
    let_pass(new_profile_list.DELAY + timedelta(seconds=1))
    drain()
    assert known(sandbox, ann.email).lists == (list_id,)
    assert len(sandbox.requests("add_profiles_to_list")) == 1


def test_a_worker_that_comes_late_tells_nothing_twice(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    lifecycle.invite(ann, BEN)
    connection = Connection.objects.get()
    late = outbox.claim(connection)
    end_leases()
    outbox.give_back_expired()
    while batch := outbox.claim(connection):
        worker.deliver(connection, batch)
    worker.deliver(connection, late)
    drain()
    assert states() == {State.ACCEPTED}
    assert metrics(sandbox, BEN) == ["Sorae Invite Received"]
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started", "Sorae Invite Sent"]
    assert [event.received for event in sandbox.events(TEA) if event.email == BEN] == [1]


def test_a_worker_that_comes_late_does_not_invite_whom_another_has_asked_since(
    sandbox: Sandbox, ann: Advocate, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle.invite(ann, BEN)
    connection = Connection.objects.get()
    late = outbox.claim(connection)
    find_phones, asked = profile_search.find_phones, 0

    def overtaken(client: Client, *about: Any) -> set[str]:
        nonlocal asked
        asked += 1
        if asked == 1:
            Lease.objects.update(until=timezone.now() - timedelta(seconds=1))
            outbox.give_back_expired()
            sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
            while batch := outbox.claim(connection):
                worker.deliver(connection, batch)
        return find_phones(client, *about)

    monkeypatch.setattr(profile_search, "find_phones", overtaken)
    worker.deliver(connection, late)
    assert outcome("invite_received") == (State.SKIPPED, "unsubscribed")
    assert metrics(sandbox, BEN) == []
