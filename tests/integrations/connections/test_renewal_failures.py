"""Token renewal that fails: a bad day costs time and nothing else; only a clear no asks for a person."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations import connections, encryption, reasons
from integrations.connections.renewal import AccessUnavailable
from integrations.errors import IntegrationError, ReconnectRequired
from integrations.models import Connection, Delivery
from tests.integrations.operators import come_back, leave, with_left
from tests.integrations.teapot import Teapot, breaking_off, saying

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN = "/oauth/token"
State = Connection.State


def pause_over() -> None:
    Connection.objects.update(refresh_lease_until=timezone.now() - timedelta(seconds=1))


def problem(code: str) -> Any:
    return pytest.raises(IntegrationError, match=f"^{code}:")


@pytest.mark.parametrize(
    "answer", [(429, {}), (500, b""), (503, b"<html>"), (403, b"<html>"), (401, {"error": "invalid_client"})]
)
def test_a_providers_bad_day_costs_nothing_while_the_token_lives(
    teapot: Teapot, tearoom: Connection, calls: Callable[[], int], answer: tuple[int, Any]
) -> None:
    with_left(5)
    teapot.will(TOKEN, saying(*answer))
    for _ in range(10):
        assert connections.access(tearoom.pk).generation == 1
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
            connections.access(tearoom.pk)
        assert caught.value.retry_after > timedelta(seconds=25 * 2 ** (failures - 1))
        with pytest.raises(AccessUnavailable):
            connections.access(tearoom.pk)
        assert calls() == failures
        pause_over()
    assert connections.access(tearoom.pk).generation == 2
    row = Connection.objects.get()
    assert (row.state, row.refresh_failures, row.refresh_problem_code, row.refresh_problem) == ("connected", 0, "", "")


def test_the_providers_wish_to_wait_is_obeyed(teapot: Teapot, tearoom: Connection) -> None:
    with_left(-5)
    teapot.will(TOKEN, saying(429, {}, Retry_After="1800"))
    with pytest.raises(AccessUnavailable) as caught:
        connections.access(tearoom.pk)
    assert caught.value.retry_after > timedelta(minutes=29)


def test_a_dead_grant_needs_a_reconnect_and_holds_what_waits(teapot: Teapot, tearoom: Connection) -> None:
    Delivery.objects.create(connection=tearoom, kind="event", key="1", occurred_at=timezone.now())
    teapot.uninstall()
    with_left(-5)
    with problem("access_withdrawn"):
        connections.access(tearoom.pk)
    row = Connection.objects.get()
    assert (row.state, row.problem_code) == (State.RECONNECT, "access_withdrawn")
    assert row.problem_at
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.reason_code, delivery.reason) == ("held", row.problem_code, row.problem)
    calls = teapot.calls[TOKEN]
    with pytest.raises(ReconnectRequired):
        connections.access(tearoom.pk)
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
    assert connections.access(tearoom.pk).generation == 2
    assert Connection.objects.get().state == State.CONNECTED


def test_a_lost_answer_is_survived_where_refresh_tokens_stay(teapot: Teapot, tearoom: Connection) -> None:
    teapot.rotates = False
    with_left(-5)
    teapot.will(TOKEN, breaking_off)
    with problem("refresh_uncertain"):
        connections.access(tearoom.pk)
    pause_over()
    assert connections.access(tearoom.pk).generation == 2
    assert Connection.objects.get().refresh_problem_code == ""


def test_a_lost_answer_says_so_where_refresh_tokens_rotate(teapot: Teapot, tearoom: Connection) -> None:
    with_left(-5)
    teapot.will(TOKEN, breaking_off, saying(503))
    for _ in range(2):
        with problem("refresh_uncertain"):
            connections.access(tearoom.pk)
        pause_over()
    with problem("response_lost"):
        connections.access(tearoom.pk)
    assert Connection.objects.get().problem_code == "response_lost"


@pytest.mark.parametrize("left", [30, -5])
def test_a_lost_key_needs_a_reconnect(tearoom: Connection, settings: Any, left: float) -> None:
    with_left(left)
    settings.ENCRYPTION_KEYS = encryption.new_key("another")
    with problem("undecryptable"):
        connections.access(tearoom.pk)
    assert Connection.objects.get().problem_code == "undecryptable"


def test_a_token_of_another_row_is_never_used(teapot: Teapot, tearoom: Connection, browser: Client) -> None:
    come_back(browser, teapot.consent(leave(browser), account="B2"))
    other = Connection.objects.filter(account_id="B2")
    Connection.objects.filter(pk=tearoom.pk).update(
        access_token=other.values_list("access_token", flat=True).get(),
        refresh_token=other.values_list("refresh_token", flat=True).get(),
    )
    with problem("undecryptable"):
        connections.access(tearoom.pk)


def test_one_sick_connection_does_not_keep_the_timer_from_others(
    teapot: Teapot, tearoom: Connection, browser: Client
) -> None:
    come_back(browser, teapot.consent(leave(browser), account="B2"))
    with_left(-5)
    teapot.will(TOKEN, saying(503))
    assert connections.renew_due() == 1


def test_a_mark_that_comes_late_changes_nothing(tearoom: Connection) -> None:
    assert not connections.mark_reconnect(tearoom, reasons.of("x", "It broke."), generation=0)
    assert Connection.objects.get().state == State.CONNECTED
    assert connections.mark_reconnect(tearoom, reasons.of("x", "It broke."))
    assert tearoom.state == State.RECONNECT


def test_nothing_about_renewal_is_logged_with_a_token(
    teapot: Teapot, tearoom: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with_left(-5)
    teapot.will(TOKEN, breaking_off, saying(401, {"error": "invalid_client", "error_description": "CANARY"}))
    for _ in range(3):
        with pytest.raises(IntegrationError):
            connections.access(tearoom.pk)
        pause_over()
    assert caplog.records
    assert "CANARY" not in caplog.text
