"""What a transaction brings that was open while a person was erased: it makes nobody known again, and goes as well."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from django.db import connection as database
from django.db import connections, transaction
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Attempt, Connection, Delivery
from klaviyo.api import privacy
from klaviyo.delivery.erasure import erase, repeat
from klaviyo.imports import backfill
from klaviyo.models import Erasure, Notice, Send, StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from referrals import erased, lifecycle, standing
from referrals.models import Advocate, Conversion, Program
from tests.conftest import Drain
from tests.klaviyo import canary
from tests.klaviyo.canary import BIRD
from tests.klaviyo.delivery.bulk.test_imports_and_erasing import let_the_wire_clear, look
from tests.klaviyo.delivery.erasure.test_owed import FACTS_AND_DELIVERIES, become_old
from tests.klaviyo.story import TEA, State, choose_list, known, make_due, metrics

ASKING = privacy.REQUEST_PROFILE_DELETION.id


@contextmanager
def open_meanwhile(tell: Callable[[], Any]) -> Iterator[None]:
    """Facts whose transaction is open while the block runs, and is committed after it.

    SQLite has one writer, so there they are told afterwards and given the times of before.
    """
    if database.vendor != "postgresql":
        before = timezone.now()
        yield
        _tell_as_of(before, tell)
        return
    is_told, may_commit = Event(), Event()

    def run() -> None:
        try:
            with transaction.atomic():
                tell()
                is_told.set()
                may_commit.wait(timeout=300)
        finally:
            is_told.set()
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        is_told.wait(timeout=300)
        try:
            yield
        finally:
            may_commit.set()
        running.result(timeout=300)


def _tell_as_of(before: Any, tell: Callable[[], Any]) -> None:
    there = {model: set(model._default_manager.values_list("pk", flat=True)) for model in FACTS_AND_DELIVERIES}
    tell()
    for model, known_before in there.items():
        new = model._default_manager.exclude(pk__in=known_before)
        new.update(occurred_at=before, created_at=before)


def tell_all(ann: Advocate) -> None:
    """By every verb, without touching what the erasure holds."""
    canary.tell_of(ann)


def go_on(drain: Drain) -> None:
    """The next quarter of an hour: all waits end, and the erasure is repeated."""
    become_old()
    repeat.go_on()
    for _ in range(4):
        let_the_wire_clear()
        look()
        make_due()
        drain()
    repeat.go_on()


@pytest.mark.parametrize("bulk_from", [1_000, 1])
@pytest.mark.parametrize("invites_by", Program.Inviter)
def test_nothing_makes_the_person_known_again(
    sandbox: Sandbox, ann: Advocate, drain: Drain, settings: Settings, bulk_from: int, invites_by: str
) -> None:
    """Not even before the erasure is repeated; then no word of them stays, and everything still counts."""
    settings.KLAVIYO_BULK_FROM = bulk_from
    Program.objects.update(invites_by=invites_by)
    ann.refresh_from_db()
    choose_list(sandbox)
    drain()
    with open_meanwhile(lambda: tell_all(ann)):
        erase.erase(BIRD, None)
    assert Conversion.objects.filter(friend_email=BIRD).exists()
    for _ in range(3):
        make_due()
        drain()
        assert sandbox.profile(TEA, BIRD) is None
    assert canary.found() != []
    go_on(drain)
    assert canary.found() == []
    assert sandbox.profile(TEA, BIRD) is None
    assert standing.of([ann.pk])[ann.pk].conversions == 1
    assert "Sorae Conversion" in metrics(sandbox, ann.email)
    assert not Erasure.objects.get().is_address_kept


def test_an_account_that_may_have_heard_is_asked_again(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    """A worker of before, which did not look, has told of them."""
    drain()
    with open_meanwhile(lambda: lifecycle.convert(ann, order_id="1", friend_email=BIRD, total="9", currency="EUR")):
        erase.erase(BIRD, None)
    drain()
    sandbox.put_profiles(TEA, [SeedProfile(email=BIRD)])
    Delivery.objects.filter(source=str(Conversion.objects.get().uid)).exclude(subject=ann.email).update(
        state=State.ACCEPTED, subject=BIRD, attempts_made=1
    )
    assert len(sandbox.requests(ASKING)) == 1
    become_old()
    repeat.go_on()
    receipt, asked = Erasure.objects.get(), Delivery.objects.get(kind="erase")
    assert (asked.state, receipt.is_address_kept) == (State.QUEUED, True)
    go_on(drain)
    assert len(sandbox.requests(ASKING)) == 2
    assert sandbox.profile(TEA, BIRD) is None
    assert not Erasure.objects.get().is_address_kept
    assert canary.found() == []


def test_an_account_that_heard_nothing_is_asked_once(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    with open_meanwhile(lambda: lifecycle.convert(ann, order_id="1", friend_email=BIRD, total="9", currency="EUR")):
        erase.erase(BIRD, None)
    drain()
    go_on(drain)
    assert len(sandbox.requests(ASKING)) == 1
    assert canary.found() == []


def test_who_came_back_as_somebody_new_stays(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, drain: Drain
) -> None:
    drain()
    with open_meanwhile(lambda: lifecycle.convert(ann, order_id="1", friend_email=BIRD, total="9", currency="EUR")):
        erase.erase(BIRD, None)
    drain()
    become_old(erased.MARGIN)
    back = lifecycle.join(ann.program, BIRD, first_name="Newbird")
    bought = lifecycle.convert(ann, order_id="2", friend_email=BIRD, total="9", currency="EUR")
    notice = canary.notice(setting.connection, 7, email=BIRD.lower())
    make_due()
    drain()
    assert known(sandbox, BIRD).first_name == "Newbird"
    old = Conversion.objects.get(order_id="1")
    become_old()
    repeat.go_on()
    old.refresh_from_db()
    back.refresh_from_db()
    bought.refresh_from_db()
    assert (back.email, bought.friend_email) == (BIRD, BIRD)
    assert old.friend_email.endswith("@erased.invalid")
    assert Notice.objects.filter(pk=notice.pk).exists()
    assert known(sandbox, BIRD).first_name == "Newbird"
    assert len(sandbox.requests(ASKING)) == 1
    assert Delivery.objects.filter(kind="profile", subject=BIRD).exists()


def test_who_came_back_is_told_of_anew_when_an_account_must_be_asked_again(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    drain()
    lifecycle.convert(ann, order_id="1", friend_email=BIRD, total="9", currency="EUR")
    receipt_of = erase.erase(BIRD, None).uid
    drain()
    become_old(erased.MARGIN)
    lifecycle.join(ann.program, BIRD, first_name="Newbird")
    make_due()
    drain()
    become_old()
    Conversion.objects.update(friend_email=BIRD)  # as a worker of before told them, from an open transaction
    Delivery.objects.filter(kind="event", subject="").update(subject=BIRD, state=State.ACCEPTED)
    go_on(drain)
    assert len(sandbox.requests(ASKING)) == 2
    assert known(sandbox, BIRD).first_name == "Newbird"
    assert Delivery.objects.get(kind="erase", source=str(receipt_of)).state == State.ACCEPTED


def test_a_walk_does_not_tell_of_who_joined_meanwhile(
    sandbox: Sandbox, ann: Advocate, setting: StoreSetting, drain: Drain
) -> None:
    drain()
    with open_meanwhile(lambda: lifecycle.join(ann.program, BIRD)):
        erase.erase(BIRD, None)
    Delivery.objects.filter(kind="erase").update(state=State.ACCEPTED)
    walk = backfill.begin(setting)
    while backfill.step(walk.pk):
        pass
    drain()
    look()
    assert sandbox.profile(TEA, BIRD) is None
    lifecycle.update(Advocate.objects.get(email=BIRD), first_name="Newbird")
    make_due()
    drain()
    assert sandbox.profile(TEA, BIRD) is None


def test_a_fact_of_before_on_their_own_new_profile_is_not_told(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    """The host knows who they are now, and tells late of an order of a friend of theirs."""
    sandbox.put_profiles(TEA, [SeedProfile(email="eve@friends.test")])
    erase.erase(BIRD, None)
    drain()
    back = lifecycle.join(ann.program, BIRD)
    yesterday = timezone.now() - timedelta(days=1)
    lifecycle.convert(
        back, order_id="1", friend_email="eve@friends.test", total="9", currency="EUR", occurred_at=yesterday
    )
    make_due()
    drain()
    assert metrics(sandbox, BIRD) == ["Sorae Advocate Started"]
    assert metrics(sandbox, "eve@friends.test") == ["Sorae Referred Purchase"]
    assert known(sandbox, BIRD).properties["sorae_conversions"] == 1


def test_what_is_told_late_reaches_no_account(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    """Every verb, of before the erasure: what is on Ann's own profile is told, without a name."""
    drain()
    erase.erase(BIRD, None)
    drain()
    at: dict[str, Any] = {"occurred_at": timezone.now() - timedelta(days=1)}
    invite = lifecycle.invite(ann, BIRD, recipient_name="Kanari", **at)
    lifecycle.went_out(invite, **at)
    lifecycle.remind(invite, 1, **at)
    lifecycle.visit(ann, invite=invite, landing_page="https://teahouse.example/?v=vogel", **at)
    bought = lifecycle.convert(ann, order_id="1", friend_email=BIRD, total="9", currency="EUR", **at)
    lifecycle.refund(bought, total=1, **at)
    lifecycle.reward(ann, kind="cash", amount=1, currency="EUR", conversion=bought, recipient="friend", **at)
    lifecycle.join(ann.program, BIRD, **canary.NAMES, **at)
    lifecycle.opt_in(ann.program.store, BIRD, wording="Yes", place="form", first_name="Kanari", **at)
    lifecycle.opt_out(ann.program.store, BIRD, scope="everything", place="a message", **at)
    assert canary.found() == []
    make_due()
    drain()
    told = ["Sorae Advocate Started", "Sorae Conversion", "Sorae Invite Sent", "Sorae Referred Visit"]
    assert metrics(sandbox, ann.email) == told
    assert [profile.email for profile in sandbox.profiles(TEA)] == [ann.email]
    assert not any(mark in str(sandbox.events(TEA)).lower() for mark in canary.MARKS)
    assert not Send.objects.exists()
    assert not Delivery.objects.filter(kind__in=("subscribe", "unsubscribe")).exists()
    assert Attempt.objects.exists()
    assert Connection.objects.get().deliveries.filter(subject__endswith="erased.invalid").count() == 0


def test_it_is_repeated_once_and_not_before_its_time(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    erase.erase(BIRD, None)
    drain()
    repeat.go_on()
    assert Erasure.objects.get().repeated_at is None
    assert Erasure.objects.get().is_address_kept
    become_old(repeat.AFTER - timedelta(minutes=1))
    repeat.go_on()
    assert Erasure.objects.get().repeated_at is None
    become_old(timedelta(minutes=1))
    repeat.go_on()
    first = Erasure.objects.get().repeated_at
    assert first is not None
    repeat.go_on()
    assert Erasure.objects.get().repeated_at == first


def test_it_is_not_repeated_while_an_account_is_being_asked(ann: Advocate) -> None:
    erase.erase(BIRD, None)
    Delivery.objects.filter(kind="erase").update(state=State.SENDING)
    become_old()
    repeat.go_on()
    assert Erasure.objects.get().repeated_at is None
    Delivery.objects.filter(kind="erase").update(state=State.ACCEPTED)
    repeat.go_on()
    assert Erasure.objects.get().repeated_at is not None
