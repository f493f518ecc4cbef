"""Disconnecting an account with a full queue: deliver first, in time or not, called off, broken, and by two at once."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import transaction
from django.test import Client
from django.utils import timezone

from integrations import connections, outbox
from integrations.connections import disconnection, leaving
from integrations.models import Connection, Delivery, Leaving
from integrations.pauses import by_hand
from klaviyo.models import ConsentWatch, StoreSetting
from klaviyo.sandbox import Sandbox
from klaviyo.webhooks import register
from referrals import lifecycle
from referrals.models import Advocate
from tests.conftest import Drain
from tests.integrations.operators import told
from tests.klaviyo.story import BEN, State, metrics


def press(browser: Client, connection: Connection, **chosen: str) -> Any:
    return browser.post(f"/admin/integrations/{connection.pk}/disconnect", {"waiting": "deliver", **chosen})


def state() -> str:
    return Connection.objects.get().state


def test_what_waits_goes_first_and_then_it_ends_by_itself(
    ann: Advocate, connection: Connection, browser_of_the_operator: Client, sandbox: Sandbox, drain: Drain
) -> None:
    for _ in range(2):  # a double click
        assert press(browser_of_the_operator, connection).url == f"/admin/integrations/{connection.pk}/"
    assert connections.leave_due() == 0
    assert "0 of 2 delivered" in browser_of_the_operator.get(f"/admin/integrations/{connection.pk}/").content.decode()
    assert state() == "connected"
    drain()
    lifecycle.invite(ann, BEN)
    assert connections.leave_due() == 1
    assert connections.leave_due() == 0
    assert (state(), metrics(sandbox, ann.email)) == ("disconnected", ["Sorae Advocate Started"])
    kept = Delivery.objects.exclude(state__in=(State.ACCEPTED, State.CONFIRMED))
    assert set(kept.values_list("state", "reason_code")) <= {(State.HELD, "disconnected")}, "what came later is kept"
    assert kept.exists()
    said = " ".join(str(entry.get_change_message()) for entry in LogEntry.objects.all())
    assert "was disconnected by itself, as asked: all that waited was delivered first." in said


def test_the_time_is_bounded_and_what_is_left_is_kept(
    ann: Advocate, connection: Connection, browser_of_the_operator: Client
) -> None:
    press(browser_of_the_operator, connection, limit="15 minutes")
    assert Leaving.objects.get().ends_at < timezone.now() + timedelta(minutes=16)
    Leaving.objects.update(ends_at=timezone.now())
    assert connections.leave_due() == 1
    assert state() == "disconnected"
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.HELD}


def test_it_can_be_called_off_and_connecting_does_so_too(
    ann: Advocate, connection: Connection, browser_of_the_operator: Client, connect: Any, drain: Drain
) -> None:
    press(browser_of_the_operator, connection)
    for words in ("stays connected", "is not about to be"):
        answer = browser_of_the_operator.post(f"/admin/integrations/{connection.pk}/stay")
        assert words in told(answer)
    press(browser_of_the_operator, connection)
    connect()
    drain()
    assert (connections.leave_due(), state()) == (0, "connected")


def test_a_broken_account_falls_back_to_a_choice(
    ann: Advocate, connection: Connection, browser_of_the_operator: Client
) -> None:
    press(browser_of_the_operator, connection)
    Connection.objects.update(state="reconnect")
    outbox.hold_strays()
    Leaving.objects.update(ends_at=timezone.now())
    assert connections.leave_due() == 0
    page = browser_of_the_operator.get(f"/admin/integrations/{connection.pk}/").content.decode()
    assert "Leaving has stopped" in page
    answer = press(browser_of_the_operator, connection)
    assert (answer.status_code, b"connected again first" in answer.content) == (400, True)
    press(browser_of_the_operator, connection, waiting="cancel")
    assert (state(), Leaving.objects.exists()) == ("disconnected", False)
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.CANCELLED}


def test_a_paused_account_must_be_resumed_first_and_one_that_leaves_is_not_paused(
    ann: Advocate, connection: Connection, browser_of_the_operator: Client, operator: Any
) -> None:
    by_hand.begin(connection, operator)
    assert press(browser_of_the_operator, connection).status_code == 400
    by_hand.end(connection)
    press(browser_of_the_operator, connection)
    browser_of_the_operator.post(f"/admin/integrations/{connection.pk}/pause")
    assert by_hand.of(connection) is None


def test_with_nothing_waiting_it_ends_at_once(
    setting: StoreSetting, connection: Connection, browser_of_the_operator: Client
) -> None:
    press(browser_of_the_operator, connection)
    assert (state(), Leaving.objects.exists()) == ("disconnected", False)


def test_what_is_held_and_let_go_is_waited_for(ann: Advocate, connection: Connection, operator: Any) -> None:
    outbox.hold(connection, outbox.TAKEN_BACK)
    assert leaving.begin(connection, operator, leaving.DEFAULT) is None, "what needs a person is kept"
    outbox.release(connection)
    begun = leaving.begin(connection, operator, leaving.DEFAULT)
    assert begun
    assert (leaving.left(begun), leaving.is_done(begun)) == (2, False)


@pytest.mark.parametrize("is_away", [False, True])
def test_our_webhook_is_deleted_where_klaviyo_can_be_reached(
    is_away: bool, setting: StoreSetting, connection: Connection, browser_of_the_operator: Client, sandbox: Sandbox
) -> None:
    watch = ConsentWatch.objects.create(connection=connection)
    register.ensure(watch)
    assert ConsentWatch.objects.get().webhook_id
    if is_away:
        sandbox.fault("delete_webhook", "503", 20)
    press(browser_of_the_operator, connection, waiting="keep")
    assert state() == "disconnected"
    assert bool(sandbox.requests("delete_webhook"))
    assert bool(ConsentWatch.objects.get().webhook_id) is is_away


def test_one_that_breaks_while_it_leaves_is_asked_about_again(
    ann: Advocate, connection: Connection, browser_of_the_operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    press(browser_of_the_operator, connection)
    Leaving.objects.update(ends_at=timezone.now())
    lose = partial(Connection.objects.update, state="reconnect")
    monkeypatch.setattr(disconnection, "take_away", lambda _: lose())
    assert connections.leave_due() == 0
    assert (state(), Leaving.objects.exists()) == ("reconnect", True)


def test_one_that_is_connected_again_at_that_very_moment_stays(
    ann: Advocate,
    connection: Connection,
    browser_of_the_operator: Client,
    connect: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    press(browser_of_the_operator, connection)
    Leaving.objects.update(ends_at=timezone.now())
    start = disconnection.start

    def started(row: Connection) -> None:
        start(row)
        transaction.on_commit(connect)

    monkeypatch.setattr(disconnection, "start", started)
    connections.leave_due()
    assert state() == "connected"


def test_what_breaks_just_before_it_is_to_leave_is_not_disconnected_instead(
    ann: Advocate, connection: Connection, browser_of_the_operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = leaving.begin

    def late(*asked: Any) -> Leaving | None:
        Connection.objects.update(state="reconnect")
        return begin(*asked)

    monkeypatch.setattr(leaving, "begin", late)
    answer = press(browser_of_the_operator, connection)
    assert (answer.status_code, b"connected again first" in answer.content, state()) == (400, True, "reconnect")


def test_of_a_pause_and_a_leaving_at_once_the_second_is_refused(
    ann: Advocate, connection: Connection, browser_of_the_operator: Client, operator: Any
) -> None:
    by_hand.begin(connection, operator)
    assert leaving.begin(connection, operator, leaving.DEFAULT) is None
