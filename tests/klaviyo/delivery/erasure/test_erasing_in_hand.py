"""A person is erased while a worker has something of theirs in hand: nothing more leaves, and nothing comes back."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.utils import timezone

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.workers import worker
from klaviyo.api import transport
from klaviyo.consent import gate
from klaviyo.delivery.erasure import erase
from klaviyo.models import ConsentDecision, Erasure, Send, StoreSetting
from klaviyo.sandbox import Sandbox, SeedList, SeedProfile
from referrals import lifecycle
from referrals.models import Advocate, Invite, Program
from tests.conftest import Drain
from tests.klaviyo import canary
from tests.klaviyo.canary import BIRD
from tests.klaviyo.story import TEA, State, choose_list, end_leases, let_pass, make_due, metrics

REQUESTS = {"everything_waits": 14, "a_buyer_waits": 17}  # of each story, and two to spare, which never come


@pytest.fixture
def two_lists(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    [newsletter] = sandbox.put_lists(TEA, [SeedList("News", opt_in_process="single_opt_in")])
    choose_list(sandbox)
    StoreSetting.objects.update(newsletter_list_id=newsletter)


@pytest.fixture
def everything_waits(two_lists: None, ann: Advocate) -> None:
    canary.tell_of(ann)


@pytest.fixture
def a_buyer_waits(two_lists: None, ann: Advocate) -> None:
    """Each of what waits would create the person."""
    lifecycle.convert(ann, order_id="1", friend_email=BIRD, total="20", currency="EUR", friend_first_name="Kanari")
    lifecycle.convert(ann, order_id="2", friend_email="dan@friends.test", total="20", currency="EUR")
    lifecycle.opt_in(ann.program.store, BIRD, wording=canary.WORDING, place="join form", first_name="Kanari")


def at(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], Any]) -> list[str]:
    """Act right before the request of that number leaves; the operations that left after it, but look-ups."""
    send, made, after = transport.send, 0, []

    def interrupted(operation: Any, *about: Any, **request: Any) -> requests.Response:
        nonlocal made
        made += 1
        if made > number and operation.method != "GET":
            after.append(str(request["body"]))
        if made == number:
            act()
        return send(operation, *about, **request)

    monkeypatch.setattr(transport, "send", interrupted)
    return after


@pytest.mark.parametrize(
    ("waiting", "number"), [(waiting, number) for waiting, most in REQUESTS.items() for number in range(1, most + 1)]
)
def test_erased_at_any_request(
    sandbox: Sandbox,
    ann: Advocate,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
    waiting: str,
    number: int,
    request: pytest.FixtureRequest,
) -> None:
    request.getfixturevalue(waiting)
    left = at(monkeypatch, number, lambda: erase.erase(BIRD, None))
    drain()
    monkeypatch.undo()
    assert (number < REQUESTS[waiting]) or not Erasure.objects.exists(), "The story has become longer."
    if not Erasure.objects.exists():  # it was over before
        erase.erase(BIRD, None)
    assert not [body for body in left if BIRD.lower() in body.lower() and "deletion" not in body]
    assert not [row for row in canary.found() if "erase:" not in row]
    come_back(drain)
    assert canary.found() == []
    assert sandbox.profile(TEA, BIRD) is None
    assert metrics(sandbox, "dan@friends.test") == ["Sorae Referred Purchase"]
    assert "Sorae Conversion" in metrics(sandbox, ann.email)
    assert Delivery.objects.get(kind="erase").state == State.ACCEPTED
    assert not Delivery.objects.filter(state__in=Delivery.OPEN).exists()


@pytest.mark.parametrize("invites_by", Program.Inviter)
def test_erased_between_the_decision_and_its_record(
    sandbox: Sandbox,
    ann: Advocate,
    drain: Drain,
    monkeypatch: pytest.MonkeyPatch,
    invites_by: Program.Inviter,
    mailoutbox: list[Any],
) -> None:
    Program.objects.update(invites_by=invites_by)
    sandbox.put_profiles(TEA, [SeedProfile(email=BIRD, consent="SUBSCRIBED")])
    drain()
    lifecycle.invite(Advocate.objects.get(), BIRD)
    record = gate.record

    def late(*about: Any) -> None:
        erase.erase(BIRD, None)
        record(*about)

    monkeypatch.setattr(gate, "record", late)
    drain()
    assert not ConsentDecision.objects.exists()
    assert Send.objects.get().profile_id == ""
    assert Send.objects.get().delivery.state == State.CANCELLED
    assert mailoutbox == []
    assert Invite.objects.get().went_out_at is None
    come_back(drain)
    assert sandbox.profile(TEA, BIRD) is None
    assert canary.found() == []


def test_what_may_be_on_the_wire_is_over_before_the_deletion(sandbox: Sandbox, everything_waits: None) -> None:
    connection = Connection.objects.get()
    outbox.claim(connection)
    erase.erase(BIRD, None)
    waiting = Delivery.objects.get(kind="erase")
    assert waiting.next_try_at > timezone.now() + erase.ON_THE_WIRE - timedelta(seconds=5)
    assert {delivery.kind for delivery in outbox.claim(connection)} == {"event"}


def test_who_comes_back_meanwhile_is_told_of_after_the_deletion(
    sandbox: Sandbox, everything_waits: None, ann: Advocate, drain: Drain
) -> None:
    sandbox.put_profiles(TEA, [SeedProfile(email=BIRD.lower(), consent="SUBSCRIBED")])
    outbox.claim(Connection.objects.get())
    erase.erase(BIRD, None)
    back = lifecycle.join(ann.program, BIRD)
    drain()
    assert Delivery.objects.get(kind="profile", source=str(back.uid)).reason_code == "erased_first"
    assert metrics(sandbox, BIRD) == []
    canary.settle_all(drain)
    assert sandbox.profile(TEA, BIRD) is None
    come_back(drain)
    assert metrics(sandbox, BIRD) == ["Sorae Advocate Started"]


def test_a_dead_workers_deliveries_are_not_taken_up(sandbox: Sandbox, everything_waits: None, drain: Drain) -> None:
    outbox.claim(Connection.objects.get())
    end_leases()
    erase.erase(BIRD, None)
    come_back(drain)
    assert sandbox.profile(TEA, BIRD) is None
    assert canary.found() == []


def test_an_advocates_news_of_them_is_told_once_without_the_name(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain()
    lifecycle.went_out(lifecycle.invite(ann, BIRD))
    Send.objects.get().delivery.delete()
    claimed = outbox.claim(Connection.objects.get())
    erase.erase(BIRD, None)
    worker.deliver(Connection.objects.get(), claimed)
    assert "Sorae Invite Sent" not in metrics(sandbox, ann.email)
    come_back(drain)
    assert metrics(sandbox, ann.email) == ["Sorae Advocate Started", "Sorae Invite Sent"]
    assert "voliere" not in str(sandbox.events(TEA)).lower()


def come_back(drain: Drain) -> None:
    """The sweeps of the next minutes."""
    for _ in range(3):
        end_leases()
        worker.sweep()
        let_pass(erase.ON_THE_WIRE + timedelta(minutes=1))
        make_due()
        drain()
