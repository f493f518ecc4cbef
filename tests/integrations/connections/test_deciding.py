"""A different account came back: the old one's deliveries never reach it, and an operator decides."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations import connections, outbox, reasons
from integrations.errors import ReconnectRequired
from integrations.models import Connection, Delivery, Revocation
from integrations.signals import account_replaced
from tests.integrations.operators import come_back, leave
from tests.integrations.teapot import Teapot, saying

pytestmark = pytest.mark.django_db(transaction=True)
State = Connection.State


@pytest.fixture
def waiting(tearoom: Connection) -> Delivery:
    """Something that is meant for Tea House, and for nobody else."""
    return Delivery.objects.create(connection=tearoom, kind="event", key=str(uuid.uuid4()), occurred_at=timezone.now())


@pytest.fixture
def other(teapot: Teapot, browser: Client, tearoom: Connection, waiting: Delivery) -> Connection:
    """Coffee Corner, which came back when Tea House was to be connected again."""
    connections.mark_reconnect(tearoom, reasons.of("access_withdrawn", "Access was withdrawn."))
    response = come_back(browser, teapot.consent(leave(browser, tearoom), account="B2"))
    other = Connection.objects.get(account_id="B2")
    assert response["Location"] == reverse("integrations:decide", args=[other.pk])
    return other


@pytest.fixture
def replaced() -> Iterator[list[tuple[Connection, Connection]]]:
    heard: list[tuple[Connection, Connection]] = []

    def on_account_replaced(old: Connection, new: Connection, **_kwargs: Any) -> None:
        heard.append((old, new))

    account_replaced.connect(on_account_replaced)
    yield heard
    account_replaced.disconnect(on_account_replaced)


def choose(browser: Client, connection: Connection, choice: str) -> Any:
    return browser.post(reverse("integrations:decide", args=[connection.pk]), {"choice": choice})


def state(connection: Connection) -> str:
    return Connection.objects.get(pk=connection.pk).state


def test_the_old_account_stays_exactly_as_it_was(tearoom: Connection, other: Connection, waiting: Delivery) -> None:
    row = Connection.objects.get(pk=tearoom.pk)
    assert (row.state, row.generation, row.account_id) == (State.RECONNECT, 1, "A1")
    assert (row.access_token, row.refresh_token) == (tearoom.access_token, tearoom.refresh_token)
    waiting.refresh_from_db()
    assert (waiting.connection_id, waiting.state) == (tearoom.pk, Delivery.State.HELD)


def test_the_new_account_does_nothing_before_the_decision(other: Connection) -> None:
    assert (other.state, other.replaces) == (State.UNDECIDED, Connection.objects.get(account_id="A1"))
    assert outbox.claim(other) == []
    with pytest.raises(ReconnectRequired):
        connections.access(other.pk)


def test_the_page_asks_and_changes_nothing(browser: Client, other: Connection) -> None:
    before = list(Connection.objects.values())
    page = browser.get(reverse("integrations:decide", args=[other.pk])).content.decode()
    assert "Tea House" in page
    assert "Coffee Corner" in page
    assert "CANARY" not in page
    assert choose(browser, other, "nonsense").status_code == 200
    assert list(Connection.objects.values()) == before


def test_the_new_account_may_take_the_place(
    teapot: Teapot, browser: Client, tearoom: Connection, other: Connection, waiting: Delivery, replaced: list[Any]
) -> None:
    choose(browser, other, "replace")
    assert (state(tearoom), state(other)) == (State.DISCONNECTED, State.CONNECTED)
    assert replaced == [(tearoom, other)]
    waiting.refresh_from_db()
    assert (waiting.connection_id, waiting.state) == (tearoom.pk, Delivery.State.HELD)
    assert teapot.revoked == [tearoom.refresh_token]
    assert connections.access(other.pk).authorization.removeprefix("Bearer ") in teapot.access


def test_the_new_account_may_be_kept_beside_the_old(
    browser: Client, tearoom: Connection, other: Connection, waiting: Delivery, replaced: list[Any]
) -> None:
    choose(browser, other, "keep")
    assert (state(tearoom), state(other)) == (State.RECONNECT, State.CONNECTED)
    assert replaced == []
    waiting.refresh_from_db()
    assert waiting.state == Delivery.State.HELD


def test_the_new_account_may_be_let_go(teapot: Teapot, browser: Client, tearoom: Connection, other: Connection) -> None:
    choose(browser, other, "discard")
    assert list(Connection.objects.all()) == [tearoom]
    assert state(tearoom) == State.RECONNECT
    assert teapot.revoked == [other.refresh_token]


def test_an_account_that_cannot_be_revoked_yet_is_not_forgotten(
    teapot: Teapot, browser: Client, other: Connection
) -> None:
    teapot.will("/oauth/revoke", saying(503))
    choose(browser, other, "discard")
    assert state(other) == State.DISCONNECTED
    assert Revocation.objects.get().connection_id == other.pk


def test_an_account_with_a_history_is_disconnected_and_not_deleted(
    teapot: Teapot, browser: Client, tearoom: Connection
) -> None:
    come_back(browser, teapot.consent(leave(browser), account="B2"))
    other = Connection.objects.get(account_id="B2")
    connections.disconnect(other, None)
    come_back(browser, teapot.consent(leave(browser, tearoom), account="B2"))
    assert state(other) == State.UNDECIDED
    choose(browser, other, "discard")
    assert state(other) == State.DISCONNECTED


def test_a_decision_is_made_once(teapot: Teapot, browser: Client, tearoom: Connection, other: Connection) -> None:
    choose(browser, other, "keep")
    choose(browser, other, "discard")
    choose(browser, other, "replace")
    assert (state(tearoom), state(other)) == (State.RECONNECT, State.CONNECTED)
    assert teapot.revoked == []


def test_an_account_that_is_connected_already_is_only_renewed(
    teapot: Teapot, browser: Client, tearoom: Connection
) -> None:
    come_back(browser, teapot.consent(leave(browser), account="B2"))
    connections.mark_reconnect(tearoom, reasons.of("access_withdrawn", "Access was withdrawn."))
    response = come_back(browser, teapot.consent(leave(browser, tearoom), account="B2"))
    assert "Try again with" in response.content.decode()
    other = Connection.objects.get(account_id="B2")
    assert (other.state, other.generation, other.replaces) == (State.CONNECTED, 2, None)
    assert state(tearoom) == State.RECONNECT


def test_a_failing_listener_undoes_the_decision(browser: Client, tearoom: Connection, other: Connection) -> None:
    def on_account_replaced(**_kwargs: Any) -> None:
        raise LookupError

    account_replaced.connect(on_account_replaced)
    with pytest.raises(LookupError):
        choose(browser, other, "replace")
    account_replaced.disconnect(on_account_replaced)
    assert (state(tearoom), state(other)) == (State.RECONNECT, State.UNDECIDED)
