"""Access tokens: renewed once for all, kept through a provider's bad day, given up only when it says so."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from conftest import come_back, leave
from django.db.models import F
from django.test import Client
from django.utils import timezone
from teapot import Teapot, breaking_off, saying, waiting_for

from integrations import connections, encryption, outcomes
from integrations.connections import renewal
from integrations.connections.renewal import AccessUnavailable
from integrations.errors import IntegrationError, ReconnectRequired
from integrations.models import Connection, Delivery

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "/oauth/token"
State = Connection.State


@pytest.fixture
def calls(teapot: Teapot, tearoom: Connection) -> Callable[[], int]:
    """Token calls since the account was connected."""
    before = teapot.calls[TOKEN]
    return lambda: teapot.calls[TOKEN] - before


def with_left(minutes: float) -> None:
    """Move the token's end, as if it had been made for an hour."""
    ends_at = timezone.now() + timedelta(minutes=minutes)
    Connection.objects.update(access_expires_at=ends_at, refreshed_at=ends_at - timedelta(hours=1))


def pause_over() -> None:
    Connection.objects.update(refresh_lease_until=timezone.now() - timedelta(seconds=1))


def problem(code: str) -> Any:
    return pytest.raises(IntegrationError, match=f"^{code}:")


def test_a_fresh_token_is_used_as_it_is(tearoom: Connection, calls: Callable[[], int]) -> None:
    with_left(16)
    assert connections.access_token(tearoom.pk).token == tearoom.access_token
    assert calls() == 0


def test_a_token_is_renewed_before_it_ends(teapot: Teapot, tearoom: Connection, calls: Callable[[], int]) -> None:
    with_left(14)
    access = connections.access_token(tearoom.pk)
    row = Connection.objects.get()
    assert (access.token, access.generation) == (row.access_token, 2)
    assert row.access_token in teapot.access
    assert row.refresh_token in teapot.refreshing
    assert row.refresh_lease is None
    assert row.access_expires_at
    assert row.access_expires_at > timezone.now() + timedelta(minutes=58)
    assert connections.access_token(tearoom.pk) == access
    assert calls() == 1


def test_a_margin_may_be_chosen(tearoom: Connection, calls: Callable[[], int]) -> None:
    with_left(14)
    connections.access_token(tearoom.pk, timedelta(minutes=5))
    assert calls() == 0


def test_a_token_that_never_lives_long_is_not_renewed_all_the_time(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int]
) -> None:
    teapot.expires_in = 300
    with_left(0)
    for _ in range(5):
        connections.access_token(tearoom.pk)
        connections.renew_due()
    assert calls() == 1


def test_access_shows_no_token(tearoom: Connection) -> None:
    assert "CANARY" not in repr(connections.access_token(tearoom.pk))


def test_fifty_who_want_an_expired_token_make_one_call(
    tearoom: Connection, calls: Callable[[], int], at_once: Callable[..., list[Any]]
) -> None:
    with_left(-5)
    got = at_once(50, lambda: connections.access_token(tearoom.pk))
    assert {access.generation for access in got} == {2}
    assert calls() == 1


def test_fifty_whose_token_was_refused_make_one_call(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int], at_once: Callable[..., list[Any]]
) -> None:
    teapot.forget_access()
    got = at_once(50, lambda: connections.renew(tearoom.pk, 1))
    assert {access.generation for access in got} == {2}
    assert {access.token in teapot.access for access in got} == {True}
    assert calls() == 1


def test_others_work_on_with_the_old_token_while_one_renews(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int]
) -> None:
    with_left(5)
    Connection.objects.update(refresh_lease="0" * 32, refresh_lease_until=timezone.now() + timedelta(seconds=30))
    assert connections.access_token(tearoom.pk).generation == 1
    assert calls() == 0


def test_who_cannot_wait_any_longer_costs_no_attempt(
    tearoom: Connection, calls: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(renewal, "PATIENCE_SECONDS", 0.0)
    with_left(-5)
    Connection.objects.update(refresh_lease="0" * 32, refresh_lease_until=timezone.now() + timedelta(seconds=30))
    with problem("renewing") as caught:
        connections.access_token(tearoom.pk)
    outcome = outcomes.of(caught.value)
    assert isinstance(outcome, outcomes.Retry)
    assert outcome.refund
    assert calls() == 0


def test_the_lease_of_a_dead_worker_ends(tearoom: Connection, calls: Callable[[], int]) -> None:
    with_left(-5)
    Connection.objects.update(refresh_lease="0" * 32, refresh_lease_until=timezone.now() - timedelta(seconds=1))
    assert connections.access_token(tearoom.pk).generation == 2
    assert calls() == 1


@pytest.mark.parametrize(
    "answer", [(429, {}), (500, b""), (503, b"<html>"), (403, b"<html>"), (401, {"error": "invalid_client"})]
)
def test_a_providers_bad_day_costs_nothing_while_the_token_lives(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int], answer: tuple[int, Any]
) -> None:
    with_left(5)
    teapot.will(TOKEN, saying(*answer))
    for _ in range(10):
        assert connections.access_token(tearoom.pk).generation == 1
    assert calls() == 1
    row = Connection.objects.get()
    assert (row.state, row.problem_code, row.refresh_failures) == (State.CONNECTED, "", 1)


@pytest.mark.parametrize("answer", [(429, {}), (503, b""), (401, {"error": "invalid_client"}), (200, b"<html>")])
def test_a_providers_bad_day_never_disconnects(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int], answer: tuple[int, Any]
) -> None:
    with_left(-5)
    teapot.will(TOKEN, *[saying(*answer)] * 3)
    for failures in range(1, 4):
        with pytest.raises(AccessUnavailable) as caught:
            connections.access_token(tearoom.pk)
        assert caught.value.retry_after > timedelta(seconds=25 * 2 ** (failures - 1))
        with pytest.raises(AccessUnavailable):
            connections.access_token(tearoom.pk)
        assert calls() == failures
        pause_over()
    assert connections.access_token(tearoom.pk).generation == 2
    row = Connection.objects.get()
    assert (row.state, row.refresh_failures, row.refresh_problem_code, row.refresh_problem) == ("connected", 0, "", "")


def test_the_providers_wish_to_wait_is_obeyed(teapot: Teapot, tearoom: Connection) -> None:
    with_left(-5)
    teapot.will(TOKEN, saying(429, {}, Retry_After="1800"))
    with pytest.raises(AccessUnavailable) as caught:
        connections.access_token(tearoom.pk)
    assert caught.value.retry_after > timedelta(minutes=29)


def test_a_dead_grant_needs_a_reconnect_and_holds_what_waits(teapot: Teapot, tearoom: Connection) -> None:
    Delivery.objects.create(connection=tearoom, kind="event", key="1", occurred_at=timezone.now())
    teapot.uninstall()
    with_left(-5)
    with problem("access_withdrawn"):
        connections.access_token(tearoom.pk)
    row = Connection.objects.get()
    assert (row.state, row.problem_code) == (State.RECONNECT, "access_withdrawn")
    assert row.problem_at
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason_code, delivery.reason) == ("held", row.problem_code, row.problem)
    calls = teapot.calls[TOKEN]
    with pytest.raises(ReconnectRequired):
        connections.access_token(tearoom.pk)
    assert teapot.calls[TOKEN] == calls


def test_a_dead_grant_that_was_replaced_meanwhile_is_no_news(
    teapot: Teapot, tearoom: Connection, browser: Client
) -> None:
    with_left(-5)

    def reconnect_first(handler: Any) -> bool:
        come_back(browser, teapot.consent(leave(browser, tearoom)))
        handler.answer(400, {"error": "invalid_grant"})
        return True

    teapot.will(TOKEN, reconnect_first)
    assert connections.access_token(tearoom.pk).generation == 2
    assert Connection.objects.get().state == State.CONNECTED


def test_a_lost_answer_is_survived_where_refresh_tokens_stay(teapot: Teapot, tearoom: Connection) -> None:
    teapot.rotates = False
    with_left(-5)
    teapot.will(TOKEN, breaking_off)
    with problem("refresh_uncertain"):
        connections.access_token(tearoom.pk)
    pause_over()
    assert connections.access_token(tearoom.pk).generation == 2
    assert Connection.objects.get().refresh_problem_code == ""


def test_a_lost_answer_says_so_where_refresh_tokens_rotate(teapot: Teapot, tearoom: Connection) -> None:
    with_left(-5)
    teapot.will(TOKEN, breaking_off, saying(503))
    for _ in range(2):
        with problem("refresh_uncertain"):
            connections.access_token(tearoom.pk)
        pause_over()
    with problem("response_lost"):
        connections.access_token(tearoom.pk)
    assert Connection.objects.get().problem_code == "response_lost"


@pytest.mark.parametrize("left", [30, -5])
def test_a_lost_key_needs_a_reconnect(tearoom: Connection, settings: Any, left: float) -> None:
    with_left(left)
    settings.ENCRYPTION_KEYS = encryption.new_key("another")
    with problem("undecryptable"):
        connections.access_token(tearoom.pk)
    assert Connection.objects.get().problem_code == "undecryptable"


def test_a_token_of_another_row_is_never_used(teapot: Teapot, tearoom: Connection, browser: Client) -> None:
    come_back(browser, teapot.consent(leave(browser), account="B2"))
    other = Connection.objects.filter(account_id="B2")
    Connection.objects.filter(pk=tearoom.pk).update(
        access_token=other.values_list("access_token", flat=True).get(),
        refresh_token=other.values_list("refresh_token", flat=True).get(),
    )
    with problem("undecryptable"):
        connections.access_token(tearoom.pk)


def test_a_winner_that_was_overtaken_writes_nothing(teapot: Teapot, tearoom: Connection) -> None:
    with_left(-5)

    def overtaken(_handler: Any) -> bool:
        Connection.objects.update(generation=F("generation") + 1, access_expires_at=timezone.now() + timedelta(hours=1))
        return False

    teapot.will(TOKEN, overtaken)
    assert connections.access_token(tearoom.pk).token == tearoom.access_token
    assert Connection.objects.get().generation == 2


@pytest.mark.parametrize("state", [State.DISCONNECTED, State.DISCONNECTING, State.UNDECIDED, State.RECONNECT])
def test_only_a_connected_account_gives_access(tearoom: Connection, state: Connection.State) -> None:
    Connection.objects.update(state=state)
    with pytest.raises(ReconnectRequired):
        connections.access_token(tearoom.pk)
    with pytest.raises(ReconnectRequired):
        connections.renew(tearoom.pk, 1)
    assert connections.renew_due() == 0


def test_a_connection_that_is_gone_gives_no_access(db: None) -> None:
    with pytest.raises(ReconnectRequired):
        connections.access_token(1)


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


def test_one_sick_connection_does_not_keep_the_timer_from_others(
    teapot: Teapot, tearoom: Connection, browser: Client
) -> None:
    come_back(browser, teapot.consent(leave(browser), account="B2"))
    with_left(-5)
    teapot.will(TOKEN, saying(503))
    assert connections.renew_due() == 1


def test_a_mark_that_comes_late_changes_nothing(tearoom: Connection) -> None:
    assert not connections.mark_reconnect(tearoom, "x", "It broke.", generation=0)
    assert Connection.objects.get().state == State.CONNECTED
    assert connections.mark_reconnect(tearoom, "x", "It broke.")
    assert tearoom.state == State.RECONNECT


def test_nothing_about_renewal_is_logged_with_a_token(
    teapot: Teapot, tearoom: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with_left(-5)
    teapot.will(TOKEN, breaking_off, saying(401, {"error": "invalid_client", "error_description": "CANARY"}))
    for _ in range(3):
        with pytest.raises(IntegrationError):
            connections.access_token(tearoom.pk)
        pause_over()
    assert caplog.records
    assert "CANARY" not in caplog.text


def test_a_slow_provider_keeps_nobody_waiting_whose_token_lives(teapot: Teapot, tearoom: Connection) -> None:
    with_left(5)
    go_on, reached = threading.Event(), threading.Event()
    teapot.will(TOKEN, waiting_for(go_on, reached))
    slow = threading.Thread(target=connections.access_token, args=[tearoom.pk])
    slow.start()
    assert reached.wait(10)
    assert connections.access_token(tearoom.pk).generation == 1
    go_on.set()
    slow.join(30)
    assert Connection.objects.get().generation == 2
