"""Health checks of a connection: only a clear no of the provider changes anything."""

from typing import Any

import pytest

from integrations import connections
from integrations.connections import disconnection, health_check, renewal
from integrations.models import Connection, HealthCheck
from integrations.providers import Access
from tests.integrations.teapot import Teapot, saying

pytestmark = pytest.mark.django_db(transaction=True)
State = Connection.State
ACCOUNT = "/account"


def test_an_account_that_answers_passes_and_is_described_anew(teapot: Teapot, tearoom: Connection) -> None:
    teapot.names["A1"] = "Tea Palace"
    assert connections.probe(tearoom).passed
    assert Connection.objects.get().account_name == "Tea Palace"


def test_a_bad_day_is_a_failed_check_and_no_more(teapot: Teapot, tearoom: Connection) -> None:
    teapot.will(ACCOUNT, saying(503))
    check = connections.probe(tearoom)
    assert (check.passed, check.code) == (False, "http_503")
    assert Connection.objects.get().is_connected


def test_a_refused_token_is_renewed_first(teapot: Teapot, tearoom: Connection) -> None:
    teapot.forget_access()
    assert connections.probe(tearoom).passed
    assert Connection.objects.get().generation == 2


def test_an_app_that_was_removed_is_found(teapot: Teapot, tearoom: Connection) -> None:
    teapot.uninstall()
    assert connections.probe(tearoom).code == "access_withdrawn"
    assert Connection.objects.get().state == State.RECONNECT


def test_a_new_token_that_is_refused_too_needs_a_reconnect(teapot: Teapot, tearoom: Connection) -> None:
    teapot.will(ACCOUNT, saying(401), saying(401))
    assert not connections.probe(tearoom).passed
    row = Connection.objects.get()
    assert (row.state, row.problem_code, row.generation) == (State.RECONNECT, "access_refused", 2)


def test_another_account_behind_our_access_stops_everything(teapot: Teapot, tearoom: Connection) -> None:
    teapot.access[tearoom.access_token] = "B2"
    assert connections.probe(tearoom).code == "another_account"
    row = Connection.objects.get()
    assert (row.state, row.account_name) == (State.RECONNECT, "Tea House")


def test_the_latest_fifty_checks_are_kept(teapot: Teapot, tearoom: Connection) -> None:
    HealthCheck.objects.bulk_create([HealthCheck(connection=tearoom, passed=True) for _ in range(60)])
    newest = connections.probe(tearoom)
    assert tearoom.health_checks.count() == 50
    assert newest in tearoom.health_checks.all()


def test_only_connected_accounts_are_asked(teapot: Teapot, tearoom: Connection) -> None:
    assert connections.probe_all() == 1
    connections.disconnect(tearoom, None)
    calls = teapot.calls[ACCOUNT]
    assert connections.probe_all() == 0
    assert not connections.probe(tearoom).passed
    assert teapot.calls[ACCOUNT] == calls


@pytest.mark.parametrize("step", ["access", "renew"])
def test_nothing_is_asked_once_it_is_disconnected(
    teapot: Teapot, tearoom: Connection, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    take = getattr(renewal, step)

    def taken_too_late(*asked: Any) -> Access:
        access: Access = take(*asked)
        disconnection.start(tearoom)
        return access

    if step == "renew":
        teapot.forget_access()
    monkeypatch.setattr(health_check, step, taken_too_late)
    assert connections.probe(tearoom).code == "disconnected"
    assert teapot.calls[ACCOUNT] == (2 if step == "renew" else 1), "one was asked when it was connected"
    assert Connection.objects.get().state == State.DISCONNECTING


def test_a_token_that_was_renewed_meanwhile_is_left_for_the_new_one(
    teapot: Teapot, tearoom: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taken_too_early(connection_id: int) -> Access:
        access = renewal.access(connection_id)
        renewal.renew(connection_id, access.generation)
        return access

    monkeypatch.setattr(health_check, "access", taken_too_early)
    assert connections.probe(tearoom).passed
    assert Connection.objects.get().generation == 2
