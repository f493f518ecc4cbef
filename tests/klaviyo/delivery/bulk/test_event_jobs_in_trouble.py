"""What a job cannot settle goes through the single endpoint: each event stands at Klaviyo once, whatever happens."""

from typing import Any

import pytest
import requests

from integrations import outbox, pauses
from integrations.models import Delivery, Pause
from integrations.wire import http
from integrations.workers import worker
from klaviyo.api import transport
from klaviyo.api.operation import Operation
from klaviyo.sandbox import Sandbox
from referrals.models import Advocate, Program
from tests import budgets
from tests.conftest import Drain
from tests.klaviyo.delivery.bulk.crowd import (
    JOB,
    SINGLE,
    VISIT,
    VISITS,
    assert_each_once,
    come_back,
    joined,
    the_connection,
    tried,
    unique_id,
    visits,
)
from tests.klaviyo.story import TEA, State, make_due, states

NOBODY_KNOWS = (
    "accept_then_drop",
    "truncated",
    "500",
    "502",
    "503",
    "504",
    "wrong_success",
    "not_json",
    "reset",
    "html_403",
    "redirect",
    "huge",
    "empty_list",
)


@pytest.mark.parametrize("number", [0, 11, 23])
def test_a_bad_one_is_taken_out_by_its_pointer(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, number: int
) -> None:
    sandbox.settings(malformed=(unique_id(waiting[number]),))
    drain()
    make_due()
    drain()
    assert len(sandbox.requests(JOB)) == 2
    assert len(sandbox.requests(SINGLE)) == 1 + 1
    failed = Delivery.objects.get(state=State.FAILED)
    assert failed == waiting[number]
    assert "time" in failed.reason
    assert_each_once(sandbox)


def test_a_bad_one_that_nobody_names_is_found_by_halving(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain
) -> None:
    sandbox.settings(malformed=(unique_id(waiting[17]),))
    sandbox.fault(JOB, "no_pointer", count=100)
    drain()
    make_due()
    drain()
    assert Delivery.objects.get(state=State.FAILED) == waiting[17]
    assert len(sandbox.events(TEA, VISIT)) == VISITS - 1
    assert_each_once(sandbox)


def test_several_bad_ones_cost_none_of_the_others(sandbox: Sandbox, waiting: list[Delivery], drain: Drain) -> None:
    bad = waiting[3], waiting[4], waiting[20]
    sandbox.settings(malformed=tuple(map(unique_id, bad)))
    drain()
    make_due()
    drain()
    assert set(Delivery.objects.filter(state=State.FAILED)) == set(bad)
    assert_each_once(sandbox)


@pytest.mark.parametrize("refuses_known", [False, True], ids=["", "known ids are refused"])
@pytest.mark.parametrize("kind", NOBODY_KNOWS)
def test_of_which_nobody_knows_is_settled_one_by_one(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, kind: str, refuses_known: bool
) -> None:
    sandbox.settings(bulk_refuses_known_ids=refuses_known)
    sandbox.fault(JOB, kind)
    drain()
    come_back(drain)
    assert states() == {State.ACCEPTED}
    assert_each_once(sandbox)
    assert len(sandbox.requests(JOB)) == 1
    assert len(sandbox.requests(SINGLE)) == 1 + VISITS


def test_a_time_out_is_settled_one_by_one(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.5)
    sandbox.settings(bulk_refuses_known_ids=True)
    sandbox.fault(JOB, "slow", delay=1.5)
    drain()
    monkeypatch.undo()
    come_back(drain)
    assert states() == {State.ACCEPTED}
    assert_each_once(sandbox)


def test_what_never_left_goes_in_a_job_again(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = transport.send

    def away(asked: Operation, access: Any, **request: Any) -> requests.Response:
        if asked.id == JOB:
            with monkeypatch.context() as nowhere:
                nowhere.setattr("django.conf.settings.KLAVIYO_API_URL", "http://127.0.0.1:9")
                return send(asked, access, **request)
        return send(asked, access, **request)

    monkeypatch.setattr(transport, "send", away)
    drain()
    assert set(Delivery.objects.filter(state=State.QUEUED).values_list("reason_code", flat=True)) == {"unreachable"}
    assert tried() == {0}
    monkeypatch.setattr(transport, "send", send)
    make_due()
    drain()
    assert len(sandbox.requests(JOB)) == 1
    assert len(sandbox.requests(SINGLE)) == 1
    assert_each_once(sandbox)


@pytest.mark.parametrize("after", ["7", "date", "missing", "-1", "abc", "99999999"])
def test_being_asked_for_patience_pauses_the_account_and_leaves_rows_alone(
    sandbox: Sandbox, waiting: list[Delivery], drain: Drain, after: str
) -> None:
    sandbox.fault(JOB, "429", retry_after=after)
    drain()
    assert len(sandbox.requests(JOB)) == 1
    pause = Pause.objects.get()
    assert (pause.kind, pause.code, pause.connection) == ("event", pauses.THROTTLED, the_connection())
    assert Delivery.objects.filter(state=State.QUEUED).count() == VISITS
    assert tried() == {0}
    assert outbox.connections_with_work() == []


def test_afterwards_it_goes_on_in_a_job(sandbox: Sandbox, waiting: list[Delivery], drain: Drain) -> None:
    sandbox.fault(JOB, "429", retry_after="1")
    drain()
    budgets.forget()
    make_due()
    drain()
    assert [entry.status for entry in sandbox.requests(JOB)] == [429, 202]
    assert len(sandbox.requests(SINGLE)) == 1
    assert_each_once(sandbox)


def test_a_look_up_that_fails_is_no_attempt(sandbox: Sandbox, spring: Program, ann: Advocate, drain: Drain) -> None:
    drain()
    for person in joined(spring, 3):
        visits(person, 4)
    Delivery.objects.filter(kind="profile").delete()
    sandbox.fault("get_profiles", "503")
    worker.drain(the_connection().pk)
    assert set(Delivery.objects.filter(state=State.QUEUED).values_list("attempts_made", flat=True)) == {0}
    come_back(drain)
    assert states() == {State.ACCEPTED}
    assert_each_once(sandbox)
