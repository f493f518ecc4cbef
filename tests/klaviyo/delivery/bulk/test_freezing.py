"""When everybody is refused alike, deliveries wait, one person is told, and they go on by themselves."""

from collections import Counter
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from integrations import pauses
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.pauses import circuit_breaker
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests import budgets
from tests.conftest import Connect, Drain
from tests.klaviyo.conftest import Spoil
from tests.klaviyo.delivery.bulk.crowd import JOB, SINGLE, VISIT, assert_each_once, many_visits, older, visits
from tests.klaviyo.story import TEA, State, states

ACCOUNTS = ("Qk7LmA", "Rb3WdN")
OPERATIONS = (JOB, SINGLE)


@pytest.fixture(autouse=True)
def somebody_is_told(settings: Settings) -> None:
    settings.ADMINS = [("", "duty@sorae.example")]


def go_on(drain: Drain, times: int = 12) -> None:
    """What workers do while budgets open and back-offs end; troubles stay as they are."""
    for _ in range(times):
        budgets.forget()
        Pause.objects.filter(code__in=pauses.WITHIN_LIMITS).delete()
        older()
        drain()


def try_again(drain: Drain, times: int = 3) -> None:
    """As if the time of the freeze had gone by."""
    for _ in range(times):
        Pause.objects.update(until=timezone.now() - timedelta(seconds=1))
        go_on(drain, 1)


def asked(sandbox: Sandbox) -> int:
    return sum(entry.status >= 400 for entry in sandbox.requests() if entry.operation in OPERATIONS)


def waiting(ann: Advocate, drain: Drain, number: int) -> None:
    """So many events wait, and the last success is long ago."""
    drain()
    many_visits(ann, number)
    Delivery.objects.filter(kind="profile", state=State.QUEUED).delete()
    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=6))


@pytest.mark.parametrize("status", [400, 404, 410, 426])
def test_thousands_of_rows_wait_and_none_fails(sandbox: Sandbox, ann: Advocate, drain: Drain, status: int) -> None:
    waiting(ann, drain, 3_000 if status == 400 else 1_100)
    sandbox.settings(refused=dict.fromkeys(OPERATIONS, status))
    go_on(drain)
    late = Delivery.objects.filter(options__metric="referred_visit")
    assert set(late.values_list("state", flat=True)) == {State.QUEUED}
    assert asked(sandbox) <= 60
    assert len(mail.outbox) == 1
    assert "event" in mail.outbox[0].subject
    assert Pause.objects.filter(connection=None, kind="event", code=pauses.FROZEN).exists()


def test_a_refusal_that_holds_all_that_is_in_hand_is_counted_each_time(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However fast batches follow each other: who is held by it waits for a person, if nobody sees that all are."""
    monkeypatch.setattr(circuit_breaker, "KEPT_SECONDS", 1_000.0)
    waiting(ann, drain, 400)
    sandbox.settings(refused=dict.fromkeys(OPERATIONS, 426))
    go_on(drain)
    assert states(options__metric="referred_visit") == {State.QUEUED}
    assert Pause.objects.filter(connection=None, kind="event", code=pauses.FROZEN).exists()


def test_it_thaws_by_itself_when_it_is_taken_again(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    waiting(ann, drain, 300)
    sandbox.settings(refused=dict.fromkeys(OPERATIONS, 400))
    go_on(drain)
    sandbox.settings(refused={})
    go_on(drain, 1)
    assert sandbox.events(TEA, VISIT) == []
    try_again(drain)
    assert states() == {State.ACCEPTED}
    assert not Pause.objects.filter(code=pauses.FROZEN).exists()
    assert_each_once(sandbox)


def test_while_it_lasts_one_at_a_time_is_tried_and_less_and_less_often(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    waiting(ann, drain, 300)
    sandbox.settings(refused=dict.fromkeys(OPERATIONS, 400))
    go_on(drain)
    lengths = []
    for _ in range(7):
        Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=16))  # so long ago is the last one
        Pause.objects.update(until=timezone.now() - timedelta(seconds=1))
        before = asked(sandbox)
        go_on(drain, 1)
        assert asked(sandbox) == before + 1
        lengths.append(
            (Pause.objects.filter(code=pauses.FROZEN).latest("until").until - timezone.now()).total_seconds()
        )
    assert lengths == sorted(lengths)
    assert 30 < lengths[0] < 70
    assert lengths[-1] > 1000
    assert states(options__metric="referred_visit") == {State.QUEUED}
    assert len(mail.outbox) == 1


def test_three_accounts_are_enough(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, connect: Connect, drain: Drain
) -> None:
    for account in ACCOUNTS:
        connect(account=account)
        other = Connection.objects.get(account_id=account)
        StoreSetting.objects.create(store=setting.store, connection=other, behaviour="create")
    drain()
    lifecycle.update(ann, tier="gold")
    drain()
    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=6))
    visits(ann, 2)
    sandbox.settings(refused=dict.fromkeys(OPERATIONS, 404))
    go_on(drain)
    assert states(options__metric="referred_visit") == {State.QUEUED}
    assert asked(sandbox) <= 6
    assert len(mail.outbox) == 1
    sandbox.settings(refused={})
    try_again(drain)
    assert states() == {State.ACCEPTED}
    assert {account: len(sandbox.events(account, VISIT)) for account in (TEA, *ACCOUNTS)} == dict.fromkeys(
        (TEA, *ACCOUNTS), 2
    )


def test_a_retired_revision_holds_nothing_for_a_person(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    waiting(ann, drain, 300)
    Delivery.objects.filter(kind="profile", state=State.ACCEPTED).delete()
    sandbox.settings(revision_sunset=True)
    go_on(drain)
    assert states(options__metric="referred_visit") == {State.QUEUED}
    assert len(mail.outbox) == 1
    assert len([entry for entry in sandbox.requests() if entry.status == 410]) <= 60
    sandbox.settings(revision_sunset=False)
    try_again(drain)
    assert states() == {State.ACCEPTED}
    assert_each_once(sandbox)


def test_an_ordinary_bad_row_in_a_healthy_account_fails_at_once(
    sandbox: Sandbox, ann: Advocate, drain: Drain, spoil: Spoil
) -> None:
    drain()
    visits(ann, 3)
    first = Delivery.objects.filter(options__metric="referred_visit").earliest("pk")
    sandbox.settings(malformed=(first.body["data"]["attributes"]["unique_id"],))
    drain()
    assert Delivery.objects.get(state=State.FAILED) == first
    assert Counter(Delivery.objects.values_list("state", flat=True))[State.QUEUED] == 0
    assert mail.outbox == []
    assert not Pause.objects.exists()


def test_a_hundred_bad_rows_of_a_healthy_account_freeze_nothing(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    drain()
    many_visits(ann, 120)
    bad = Delivery.objects.filter(options__metric="referred_visit").order_by("pk")[:100]
    sandbox.settings(malformed=tuple(row.body["data"]["attributes"]["unique_id"] for row in bad))
    go_on(drain)
    assert Delivery.objects.filter(state=State.FAILED).count() == 100
    assert not Pause.objects.filter(code=pauses.FROZEN).exists()
    assert_each_once(sandbox)


def test_a_missing_scope_concerns_its_account_alone(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    waiting(ann, drain, 120)
    sandbox.fault("*", "missing_scope", count=1_000)
    go_on(drain, 3)
    assert states(options__metric="referred_visit") == {State.HELD}
    assert not Pause.objects.filter(code=pauses.FROZEN).exists()
    assert mail.outbox == []


def test_who_met_it_while_nobody_knew_is_queued_again(sandbox: Sandbox, ann: Advocate, drain: Drain) -> None:
    waiting(ann, drain, 5)
    sandbox.settings(refused=dict.fromkeys(OPERATIONS, 400))
    go_on(drain, 3)
    assert states(options__metric="referred_visit") == {State.FAILED}
    many_visits(ann, circuit_breaker.ROWS)
    go_on(drain)
    assert states(options__metric="referred_visit") == {State.QUEUED}
