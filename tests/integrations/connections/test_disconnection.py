"""Disconnecting an account: nothing is sent any more, nothing secret stays, and its tokens are revoked in the end."""

import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections as databases
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import connections, encryption, outbox
from integrations.connections import disconnection
from integrations.errors import ReconnectRequired
from integrations.models import Connection, Delivery, Lease, Revocation
from tests.integrations.operators import come_back, leave, told
from tests.integrations.teapot import Teapot, saying, waiting_for

pytestmark = pytest.mark.django_db(transaction=True)
TOKEN, REVOKE = "/oauth/token", "/oauth/revoke"
State = Connection.State


def delivery(connection: Connection, **fields: Any) -> Delivery:
    return Delivery.objects.create(
        connection=connection, kind="event", key=str(uuid.uuid4()), occurred_at=timezone.now(), **fields
    )


def disconnect(browser: Client, connection: Connection) -> Any:
    return browser.post(reverse("integrations:disconnect", args=[connection.pk]))


def erased() -> bool:
    row = Connection.objects.get()
    return row.state == State.DISCONNECTED and not row.access_token and not row.refresh_token


def make_due() -> None:
    Revocation.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))


def test_the_page_says_what_waits_and_changes_nothing(browser: Client, tearoom: Connection) -> None:
    delivery(tearoom), delivery(tearoom)
    page = browser.get(reverse("integrations:disconnect", args=[tearoom.pk])).content.decode()
    assert "2 deliveries still wait" in " ".join(page.split())
    assert "Ann&#x27;s shop" in page
    assert Connection.objects.get().is_connected


def test_the_tokens_are_revoked_there_and_erased_here(teapot: Teapot, browser: Client, tearoom: Connection) -> None:
    token = tearoom.refresh_token
    assert told(disconnect(browser, tearoom)).endswith("Tea House is disconnected.")
    assert teapot.revoked == [token]
    assert not teapot.access
    assert not teapot.refreshing
    assert erased()
    assert not Revocation.objects.exists()


def test_the_history_stays_and_what_waits_is_held(browser: Client, tearoom: Connection) -> None:
    waiting, done = delivery(tearoom), delivery(tearoom, state=Delivery.State.ACCEPTED)
    disconnect(browser, tearoom)
    waiting.refresh_from_db()
    done.refresh_from_db()
    assert (waiting.state, waiting.reason_code) == (Delivery.State.HELD, "disconnected")
    assert done.state == Delivery.State.ACCEPTED


def test_what_waits_may_be_cancelled_instead(browser: Client, tearoom: Connection) -> None:
    waiting, done = delivery(tearoom), delivery(tearoom, state=Delivery.State.ACCEPTED)
    address = reverse("integrations:disconnect", args=[tearoom.pk])
    assert "1 waiting delivery was cancelled." in told(browser.post(address, {"waiting": "cancel"}))
    waiting.refresh_from_db()
    done.refresh_from_db()
    assert (waiting.state, waiting.reason_code) == (Delivery.State.CANCELLED, "operator")
    assert done.state == Delivery.State.ACCEPTED


def test_nothing_can_be_sent_afterwards(browser: Client, tearoom: Connection) -> None:
    delivery(tearoom)
    disconnect(browser, tearoom)
    assert outbox.claim(tearoom) == []
    with pytest.raises(ReconnectRequired):
        connections.access(tearoom.pk)


def test_tokens_are_erased_even_when_the_provider_cannot_be_reached(
    teapot: Teapot, browser: Client, tearoom: Connection
) -> None:
    teapot.will(REVOKE, saying(503), saying(200, b"<html>", "text/html"))
    assert "could not be told" in told(disconnect(browser, tearoom))
    assert erased()
    assert teapot.refreshing
    make_due()
    assert connections.revoke_due() == 0
    assert Revocation.objects.get().attempts == 2
    assert connections.revoke_due() == 0, "not before its time"
    make_due()
    assert connections.revoke_due() == 1
    assert not teapot.refreshing
    assert not Revocation.objects.exists()


def test_a_waiting_revocation_is_sealed(teapot: Teapot, browser: Client, tearoom: Connection) -> None:
    teapot.will(REVOKE, saying(503))
    disconnect(browser, tearoom)
    assert "CANARY" not in str(list(Revocation.objects.values()))
    assert Revocation.objects.get().token == tearoom.refresh_token


def test_a_revocation_is_given_up_after_a_day(teapot: Teapot, browser: Client, tearoom: Connection) -> None:
    teapot.will(REVOKE, saying(503))
    disconnect(browser, tearoom)
    Revocation.objects.update(gives_up_at=timezone.now() - timedelta(seconds=1))
    connections.revoke_due()
    assert not Revocation.objects.exists()
    row = Connection.objects.get()
    assert row.problem_code == "not_revoked"
    assert "remove the app" in row.problem


def test_a_token_that_is_dead_already_is_revoked_enough(teapot: Teapot, browser: Client, tearoom: Connection) -> None:
    teapot.uninstall()
    disconnect(browser, tearoom)
    assert erased()
    assert not Revocation.objects.exists()


def test_an_account_with_a_lost_key_can_be_let_go(browser: Client, tearoom: Connection, settings: Any) -> None:
    settings.ENCRYPTION_KEYS = encryption.new_key("another")
    assert disconnect(browser, tearoom).status_code == 302
    assert erased()
    assert Connection.objects.get().problem_code == "not_revoked"


def test_a_revocation_with_a_lost_key_is_given_up(
    teapot: Teapot, browser: Client, tearoom: Connection, settings: Any
) -> None:
    teapot.will(REVOKE, saying(503))
    disconnect(browser, tearoom)
    settings.ENCRYPTION_KEYS = encryption.new_key("another")
    make_due()
    assert connections.revoke_due() == 0
    assert Connection.objects.get().problem_code == "not_revoked"
    assert not Revocation.objects.exists()


def test_connecting_again_stops_a_revocation_that_would_end_the_new_access(
    teapot: Teapot, browser: Client, tearoom: Connection
) -> None:
    teapot.will(REVOKE, saying(503))
    disconnect(browser, tearoom)
    waiting = delivery(tearoom, state=Delivery.State.HELD)
    address = leave(browser, tearoom)
    make_due()
    come_back(browser, teapot.consent(address))
    make_due()
    assert connections.revoke_due() == 0
    assert Connection.objects.get().access_token in teapot.access
    waiting.refresh_from_db()
    assert waiting.state == Delivery.State.QUEUED


def test_a_revocation_rests_while_somebody_connects_again(teapot: Teapot, browser: Client, tearoom: Connection) -> None:
    teapot.will(REVOKE, saying(503))
    disconnect(browser, tearoom)
    make_due()
    leave(browser, tearoom)
    connections.revoke_due()
    assert teapot.calls[REVOKE] == 1


def test_work_in_flight_ends_before_the_token_goes(browser: Client, tearoom: Connection, teapot: Teapot) -> None:
    in_a_minute = timezone.now() + timedelta(minutes=1)
    lease = Lease.objects.create(connection=tearoom, deliveries=[], until=in_a_minute)
    row = delivery(tearoom, state=Delivery.State.SENDING, lease=lease.pk)
    seen: list[str] = []

    def answer_comes() -> None:
        while not Connection.objects.filter(state=State.DISCONNECTING).exists():
            pass
        seen.append(Connection.objects.get().access_token)
        seen.extend(teapot.revoked)
        Delivery.objects.filter(pk=row.pk).update(state=Delivery.State.ACCEPTED, lease=None)
        lease.delete()
        databases.close_all()

    worker = threading.Thread(target=answer_comes)
    worker.start()
    disconnect(browser, tearoom)
    worker.join(300)
    assert seen == [tearoom.access_token]
    assert erased()


def test_work_that_never_ends_is_not_waited_for(
    browser: Client, tearoom: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnection, "PATIENCE", timedelta())
    Lease.objects.create(connection=tearoom, deliveries=[], until=timezone.now() + timedelta(minutes=1))
    disconnect(browser, tearoom)
    assert erased()


def test_a_renewal_in_flight_leaves_no_living_token_behind(
    teapot: Teapot, browser: Client, tearoom: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnection, "PATIENCE", timedelta())
    Connection.objects.update(access_expires_at=timezone.now())
    go_on, reached = threading.Event(), threading.Event()
    teapot.will(TOKEN, waiting_for(go_on, reached))

    def renew() -> None:
        with pytest.raises(ReconnectRequired):
            connections.access(tearoom.pk)
        databases.close_all()

    worker = threading.Thread(target=renew)
    worker.start()
    assert reached.wait(300)
    disconnect(browser, tearoom)
    go_on.set()
    worker.join(300)
    assert erased()
    make_due()
    connections.revoke_due()
    assert not teapot.refreshing
    assert not Revocation.objects.exists()


def test_a_disconnect_that_died_halfway_is_finished(teapot: Teapot, tearoom: Connection) -> None:
    disconnection.start(tearoom)
    connections.revoke_due()
    assert not erased(), "somebody may still be at it"
    Connection.objects.update(disconnected_at=timezone.now() - timedelta(minutes=2))
    connections.revoke_due()
    assert erased()
    assert not teapot.refreshing


def test_disconnecting_twice_is_disconnecting_once(teapot: Teapot, browser: Client, tearoom: Connection) -> None:
    disconnect(browser, tearoom)
    assert disconnect(browser, tearoom).status_code == 302
    assert teapot.calls[REVOKE] == 1
    assert Connection.objects.get().generation == 2


def test_connecting_during_a_disconnect_wins(teapot: Teapot, browser: Client, tearoom: Connection) -> None:
    disconnection.start(tearoom)
    come_back(browser, teapot.consent(leave(browser, tearoom)))
    assert disconnection.finish(tearoom)
    assert Connection.objects.get().access_token in teapot.access
    assert not teapot.revoked


def test_an_account_comes_back_to_its_row_after_a_disconnect(
    teapot: Teapot, browser: Client, tearoom: Connection
) -> None:
    waiting = delivery(tearoom)
    disconnect(browser, tearoom)
    come_back(browser, teapot.consent(leave(browser)))
    row = Connection.objects.get()
    assert (row.pk, row.state, row.disconnected_at) == (tearoom.pk, State.CONNECTED, None)
    waiting.refresh_from_db()
    assert waiting.state == Delivery.State.QUEUED


def test_nothing_about_letting_go_is_logged_with_a_token(
    teapot: Teapot, browser: Client, tearoom: Connection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    teapot.will(REVOKE, saying(503, b"CANARY"), saying(400, {"error": "x", "error_description": "CANARY"}))
    response = disconnect(browser, tearoom)
    make_due()
    connections.revoke_due()
    assert "CANARY" not in caplog.text + told(response)
