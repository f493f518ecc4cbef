"""Token renewal: access tokens are renewed in time, once for all, whoever and however many ask."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connections as databases
from django.db.models import F
from django.utils import timezone

from integrations import connections, outcomes
from integrations.connections import asking_together, renewal
from integrations.errors import IntegrationError, ReconnectRequired
from integrations.models import Connection
from tests.integrations.operators import with_left
from tests.integrations.teapot import Teapot, saying, waiting_for

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "/oauth/token"
State = Connection.State


def problem(code: str) -> Any:
    return pytest.raises(IntegrationError, match=f"^{code}:")


def test_a_fresh_token_is_used_as_it_is(tearoom: Connection, calls: Callable[[], int]) -> None:
    with_left(16)
    assert connections.access(tearoom.pk).authorization == f"Bearer {tearoom.access_token}"
    assert calls() == 0


def test_a_token_is_renewed_before_it_ends(teapot: Teapot, tearoom: Connection, calls: Callable[[], int]) -> None:
    with_left(14)
    access = connections.access(tearoom.pk)
    row = Connection.objects.get()
    assert (access.authorization, access.generation) == (f"Bearer {row.access_token}", 2)
    assert row.access_token in teapot.access
    assert row.refresh_token in teapot.refreshing
    assert row.refresh_lease is None
    assert row.access_expires_at
    assert row.access_expires_at > timezone.now() + timedelta(minutes=58)
    assert connections.access(tearoom.pk) == access
    assert calls() == 1


def test_a_margin_may_be_chosen(tearoom: Connection, calls: Callable[[], int]) -> None:
    with_left(14)
    connections.access(tearoom.pk, timedelta(minutes=5))
    assert calls() == 0


def test_a_token_that_never_lives_long_is_not_renewed_all_the_time(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int]
) -> None:
    teapot.expires_in = 300
    with_left(0)
    for _ in range(5):
        connections.access(tearoom.pk)
        connections.renew_due()
    assert calls() == 1


def test_access_shows_no_token(tearoom: Connection) -> None:
    assert "CANARY" not in repr(connections.access(tearoom.pk))


def test_fifty_who_want_an_expired_token_make_one_call(
    tearoom: Connection, calls: Callable[[], int], at_once: Callable[..., list[Any]]
) -> None:
    with_left(-5)
    got = at_once(50, lambda: connections.access(tearoom.pk))
    assert {access.generation for access in got} == {2}
    assert calls() == 1


def test_fifty_whose_token_was_refused_make_one_call(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int], at_once: Callable[..., list[Any]]
) -> None:
    teapot.forget_access()
    got = at_once(50, lambda: connections.renew(tearoom.pk, 1))
    assert {access.generation for access in got} == {2}
    assert {access.authorization.removeprefix("Bearer ") in teapot.access for access in got} == {True}
    assert calls() == 1


def test_others_work_on_with_the_old_token_while_one_renews(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int]
) -> None:
    with_left(5)
    Connection.objects.update(refresh_lease="0" * 32, refresh_lease_until=timezone.now() + timedelta(seconds=30))
    assert connections.access(tearoom.pk).generation == 1
    assert calls() == 0


def test_who_cannot_wait_any_longer_costs_no_attempt(
    tearoom: Connection, calls: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "PATIENCE_SECONDS", 0.0)
    with_left(-5)
    Connection.objects.update(refresh_lease="0" * 32, refresh_lease_until=timezone.now() + timedelta(seconds=30))
    with problem("renewing") as caught:
        connections.access(tearoom.pk)
    outcome = outcomes.of(caught.value)
    assert isinstance(outcome, outcomes.Retry)
    assert outcome.refund
    assert calls() == 0


def test_the_lease_of_a_dead_worker_ends(tearoom: Connection, calls: Callable[[], int]) -> None:
    with_left(-5)
    Connection.objects.update(refresh_lease="0" * 32, refresh_lease_until=timezone.now() - timedelta(seconds=1))
    assert connections.access(tearoom.pk).generation == 2
    assert calls() == 1


def test_a_winner_that_was_overtaken_writes_nothing(teapot: Teapot, tearoom: Connection) -> None:
    with_left(-5)

    def overtaken(_handler: Any) -> bool:
        Connection.objects.update(generation=F("generation") + 1, access_expires_at=timezone.now() + timedelta(hours=1))
        return False

    teapot.will(TOKEN, overtaken)
    assert connections.access(tearoom.pk).authorization == f"Bearer {tearoom.access_token}"
    assert Connection.objects.get().generation == 2


def test_fifty_who_wait_for_another_worker_look_as_one(
    tearoom: Connection, calls: Callable[[], int], at_once: Callable[..., list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_left(-5)
    Connection.objects.update(refresh_lease="0" * 32, refresh_lease_until=timezone.now() + timedelta(minutes=30))
    looked: set[int] = set()
    again: list[float] = []
    look = renewal._look

    def counted(connection_id: int) -> Any:
        if threading.get_ident() in looked:
            again.append(time.monotonic())
        looked.add(threading.get_ident())
        if len(again) == 12:  # the other worker is done
            fresh = {"generation": 2, "access_expires_at": timezone.now() + timedelta(hours=1)}
            Connection.objects.update(refresh_lease=None, refresh_lease_until=None, **fresh)
        return look(connection_id)

    monkeypatch.setattr(renewal, "_look", counted)
    monkeypatch.setattr(renewal, "PATIENCE_SECONDS", 300.0)
    got = at_once(50, lambda: connections.access(tearoom.pk))
    assert {access.generation for access in got} == {2}
    assert calls() == 0
    between = [later - earlier for earlier, later in pairwise(again[:12])]
    assert min(between) > asking_together.SHORTEST_SECONDS / 3  # a breath, whoever looks


def test_fifty_hear_of_one_failure(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int], at_once: Callable[..., list[Any]]
) -> None:
    with_left(-5)
    teapot.will(TOKEN, saying(503))

    def refused() -> tuple[str, timedelta]:
        with pytest.raises(renewal.AccessUnavailable) as caught:
            connections.access(tearoom.pk)
        return caught.value.code, caught.value.retry_after

    got = at_once(50, refused)
    assert {code for code, _wait in got} == {"http_503"}
    assert min(wait for _code, wait in got) > timedelta(seconds=1)
    assert calls() == 1


def test_a_lease_that_came_too_late_is_given_back(
    tearoom: Connection, calls: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_left(-5)
    monkeypatch.setattr(renewal, "LATEST", timedelta(seconds=-1))
    monkeypatch.setattr(renewal, "PATIENCE_SECONDS", 0.0)
    with problem("renewing"):
        connections.access(tearoom.pk)
    assert calls() == 0
    monkeypatch.undo()
    assert connections.access(tearoom.pk).generation == 2
    assert calls() == 1


@pytest.mark.parametrize("state", [State.DISCONNECTED, State.DISCONNECTING, State.UNDECIDED, State.RECONNECT])
def test_only_a_connected_account_gives_access(tearoom: Connection, state: Connection.State) -> None:
    Connection.objects.update(state=state)
    with pytest.raises(ReconnectRequired):
        connections.access(tearoom.pk)
    with pytest.raises(ReconnectRequired):
        connections.renew(tearoom.pk, 1)
    assert connections.renew_due() == 0


def test_a_connection_that_is_gone_gives_no_access(db: None) -> None:
    with pytest.raises(ReconnectRequired):
        connections.access(1)


def test_a_refused_token_is_renewed_once_and_then_just_handed_out(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int]
) -> None:
    teapot.forget_access()
    first = connections.renew(tearoom.pk, 1)
    assert connections.renew(tearoom.pk, 1) == first
    assert calls() == 1


def test_the_timer_renews_what_is_about_to_end(tearoom: Connection, calls: Callable[[], int]) -> None:
    assert connections.renew_due() == 0
    with_left(19)
    assert connections.renew_due() == 1
    assert connections.renew_due() == 0
    assert calls() == 1


def test_the_timer_keeps_idle_grants_alive(tearoom: Connection, calls: Callable[[], int]) -> None:
    Connection.objects.update(
        access_expires_at=timezone.now() + timedelta(days=3), refreshed_at=timezone.now() - timedelta(hours=25)
    )
    assert connections.renew_due() == 1
    assert calls() == 1


def test_a_slow_provider_keeps_nobody_waiting_whose_token_lives(teapot: Teapot, tearoom: Connection) -> None:
    with_left(5)
    go_on, reached = threading.Event(), threading.Event()
    teapot.will(TOKEN, waiting_for(go_on, reached))

    def renew() -> None:
        connections.access(tearoom.pk)
        databases.close_all()

    slow = threading.Thread(target=renew)
    slow.start()
    assert reached.wait(300)
    assert connections.access(tearoom.pk).generation == 1
    go_on.set()
    slow.join(300)
    assert Connection.objects.get().generation == 2
