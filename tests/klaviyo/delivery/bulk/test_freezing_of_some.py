"""What some accounts are refused for bad rows of their own keeps no other waiting for long, and fails in the end."""

from collections.abc import Collection
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from integrations import pauses
from integrations.models import Attempt, Connection, Delivery, Pause
from integrations.workers import worker
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate
from tests import budgets
from tests.conftest import Connect, Drain
from tests.klaviyo.delivery.bulk.crowd import JOB, SINGLE, VISIT, ids, many_visits, older, unique_id, visits
from tests.klaviyo.story import KARI, TEA, State, fjord, make_due, states

FJORD, HARBOR = "Qk7LmA", "Rb3WdN"


@pytest.fixture(autouse=True)
def somebody_is_told(settings: Settings) -> None:
    settings.ADMINS = [("", "duty@sorae.example")]


@pytest.fixture
def kari(connect: Connect, ann: Advocate) -> Advocate:
    """An advocate of another store, Oslo, which has an account of its own."""
    connect(account=FJORD)
    return lifecycle.join(fjord(Connection.objects.get(account_id=FJORD)), KARI)


def of(account: str) -> set[tuple[str, str]]:
    visits = Delivery.objects.filter(connection__account_id=account, options__metric="referred_visit")
    return set(visits.values_list("state", "reason_code"))


def quiet() -> None:
    """The last success is long ago."""
    Delivery.objects.filter(kind="profile", state=State.QUEUED).delete()
    Attempt.objects.update(started_at=timezone.now() - timedelta(minutes=6))


def go_on(drain: Drain, times: int = 3) -> None:
    for _ in range(times):
        budgets.forget()
        Pause.objects.filter(code__in=pauses.WITHIN_LIMITS).delete()
        older()
        drain()


def refused_elsewhere() -> None:
    """A third account has met the same, and is gone since."""
    gone, now = Connection.objects.create(provider="klaviyo", account_id="gone"), timezone.now()
    Attempt.objects.create(
        connection=gone, operation=SINGLE, started_at=now, finished_at=now, status=400, code="invalid"
    )


def frozen() -> Collection[str | None]:
    return set(Pause.objects.filter(code=pauses.FROZEN).values_list("connection__account_id", flat=True))


def test_bad_rows_of_one_account_freeze_it_alone_and_fail_when_another_is_served(
    sandbox: Sandbox, ann: Advocate, kari: Advocate, drain: Drain
) -> None:
    drain()
    many_visits(ann, 60)
    quiet()
    bad = Delivery.objects.filter(state=State.QUEUED)
    sandbox.settings(malformed=tuple(unique_id(delivery) for delivery in bad))
    go_on(drain, 12)
    assert (frozen(), {state for state, _ in of(TEA)}) == ({TEA}, {State.QUEUED})
    assert len(mail.outbox) == 1
    assert "Tea House" in mail.outbox[0].subject

    lifecycle.visit(kari)
    go_on(drain)
    assert of(FJORD) == {(State.ACCEPTED, "")}
    assert frozen() == set()
    assert {state for state, _ in of(TEA)} == {State.FAILED}
    assert pauses.FROZEN not in {code for _, code in of(TEA)}


def test_three_accounts_with_a_bad_row_each_keep_a_fourth_for_one_short_pause(
    sandbox: Sandbox, setting: StoreSetting, ann: Advocate, kari: Advocate, connect: Connect, drain: Drain
) -> None:
    connect(account=HARBOR)
    harbor = Connection.objects.get(account_id=HARBOR)
    StoreSetting.objects.create(store=setting.store, connection=harbor, behaviour="create")
    drain()
    visits(ann, 1)
    quiet()
    refused_elsewhere()
    bad = Delivery.objects.filter(state=State.QUEUED)
    sandbox.settings(malformed=tuple(unique_id(delivery) for delivery in bad))
    go_on(drain)
    assert frozen() == {None}
    lifecycle.visit(kari)
    go_on(drain, 1)
    assert {state for state, _ in of(FJORD)} == {State.QUEUED}

    Pause.objects.update(until=timezone.now() - timedelta(seconds=1))
    older()
    for account in (TEA, HARBOR):  # they are tried first, and refused
        worker.drain(Connection.objects.get(account_id=account).pk)
    go_on(drain, 1)
    assert of(FJORD) == {(State.ACCEPTED, "")}
    go_on(drain)
    assert {state for account in (TEA, HARBOR) for state, _ in of(account)} == {State.FAILED}
    assert frozen() == set()
    assert len(mail.outbox) == 1


def test_what_may_have_been_taken_goes_in_no_job_again_after_a_reconnect(
    sandbox: Sandbox, ann: Advocate, connect: Connect, drain: Drain
) -> None:
    drain()
    visits(ann, 24)
    Delivery.objects.filter(kind="profile", state=State.QUEUED).delete()
    sandbox.fault(JOB, "accept_then_drop")
    worker.drain(Connection.objects.get().pk)
    sandbox.uninstall(TEA)
    budgets.forget()
    make_due()
    drain()
    worker.sweep()
    assert states(options__metric="referred_visit") == {State.HELD}
    connect()
    go_on(drain)
    assert len(sandbox.requests(JOB)) == 1
    assert states(options__metric="referred_visit") == {State.ACCEPTED}
    assert set(ids(sandbox).values()) == {1}
    assert len([event for event in sandbox.events(TEA) if event.metric == VISIT]) == 24
