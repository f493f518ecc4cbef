"""A yes is forwarded once or nobody knows: whatever breaks, it is not repeated without somebody's decision."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from integrations import outbox, reasons
from integrations.errors import TemporaryError
from integrations.models import Attempt, Connection, Delivery
from integrations.outbox import retrying
from integrations.workers import worker
from klaviyo.api import transport
from klaviyo.api.operation import Operation
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox, SeedProfile
from tests import budgets
from tests.conftest import Drain
from tests.klaviyo.newsletter_cast import SUBSCRIBE, age_jobs, choose_newsletter, fate, jobs, say_no, say_yes
from tests.klaviyo.story import BEN, CID, TEA, State, end_leases, known, let_pass, make_due

pytestmark = pytest.mark.usefixtures("list_id")

UNKNOWN = (State.FAILED, "outcome_unknown")
HALF_AN_HOUR = timedelta(minutes=31)
REQUESTS = ("get_profiles", "get_list", "create_or_update_profile")


class Killed(BaseException):
    """A worker that is no more; no code of ours sees it coming."""


Kill = Callable[[str, bool], None]


@pytest.fixture
def list_id(sandbox: Sandbox, setting: StoreSetting) -> str:
    return choose_newsletter(sandbox)


@pytest.fixture
def kill() -> Kill:
    """A worker dies at a request, before it leaves or after it was answered."""

    def kill_at(operation: str, answered: bool) -> None:
        send = transport.send

        def dying(asked: Operation, *about: Any, **request: Any) -> requests.Response:
            if asked.id == operation and not answered:
                raise Killed
            response = send(asked, *about, **request)
            if asked.id == operation:
                raise Killed
            return response

        with pytest.MonkeyPatch.context() as mortal:
            mortal.setattr(transport, "send", dying)
            with pytest.raises(Killed):
                worker.drain(Connection.objects.get().pk)

    return kill_at


def come_back(drain: Drain) -> None:
    """The sweeps of the next minutes, and workers that live."""
    for _ in range(3):
        end_leases()
        worker.sweep()
        make_due()
        drain()


def retry() -> None:
    assert retrying.again(Delivery.objects.filter(kind="subscribe")) == 1


@pytest.mark.parametrize(
    "fault", ["500", "503", "accept_then_drop", "truncated", "reset", "not_json", "wrong_success", "redirect", "huge"]
)
def test_an_answer_that_stays_away_is_said_and_not_repeated(sandbox: Sandbox, drain: Drain, fault: str) -> None:
    sandbox.fault(SUBSCRIBE, fault)
    yes = say_yes()
    come_back(drain)
    assert fate(yes) == UNKNOWN
    assert "not repeated by itself" in Delivery.objects.get().reason
    assert jobs(sandbox) == 1


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("operation", REQUESTS)
def test_a_worker_that_dies_before_the_job_leaves_costs_nothing(
    sandbox: Sandbox, drain: Drain, kill: Kill, operation: str, answered: bool
) -> None:
    yes = say_yes()
    kill(operation, answered)
    come_back(drain)
    assert fate(yes) == (State.ACCEPTED, "")
    assert jobs(sandbox) == 1


@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_a_worker_that_dies_with_the_job_leaves_something_unknown(
    sandbox: Sandbox, drain: Drain, kill: Kill, answered: bool
) -> None:
    """Of a request on record nobody can say whether it had left."""
    yes = say_yes()
    kill(SUBSCRIBE, answered)
    come_back(drain)
    assert fate(yes) == UNKNOWN
    assert jobs(sandbox) == answered


@pytest.mark.parametrize("process", ["single_opt_in", "double_opt_in"])
def test_a_worker_that_dies_between_the_answer_and_its_record_loses_nothing(
    sandbox: Sandbox, drain: Drain, process: str
) -> None:
    choose_newsletter(sandbox, process, process)
    yes = say_yes()

    def dying(*_: Any) -> bool:
        raise Killed

    with pytest.MonkeyPatch.context() as mortal:
        mortal.setattr(outbox, "settle", dying)
        with pytest.raises(Killed):
            worker.drain(Connection.objects.get().pk)
    come_back(drain)
    assert fate(yes) == (State.ACCEPTED, "pending_opt_in" if process == "double_opt_in" else "")
    assert jobs(sandbox) == 1


def test_a_reconnected_account_is_no_reason_to_repeat_it(sandbox: Sandbox, drain: Drain, kill: Kill) -> None:
    """What is released counts its tries anew."""
    yes = say_yes()
    kill(SUBSCRIBE, True)
    end_leases()
    outbox.give_back_expired()
    connection = Connection.objects.get()
    outbox.hold(connection, reasons.of("access_withdrawn", "The app was removed."))
    outbox.release(connection)
    come_back(drain)
    assert fate(yes) == UNKNOWN
    assert jobs(sandbox) == 1


def test_an_operator_may_have_it_tried_again_in_half_an_hour(sandbox: Sandbox, drain: Drain) -> None:
    sandbox.fault(SUBSCRIBE, "reset")
    yes = say_yes()
    come_back(drain)
    retry()
    drain()
    assert fate(yes) == (State.QUEUED, "one_job_in_30_minutes")
    age_jobs(HALF_AN_HOUR)
    sandbox.fault("get_list", "500")  # and that is no reason to give up
    let_pass(HALF_AN_HOUR)
    drain()
    assert fate(yes) == (State.QUEUED, "http_500")
    make_due()
    drain()
    assert fate(yes) == (State.ACCEPTED, "")
    assert known(sandbox, BEN).consent == "SUBSCRIBED"


def test_a_second_answer_that_stays_away_is_unknown_again(sandbox: Sandbox, drain: Drain, kill: Kill) -> None:
    sandbox.fault(SUBSCRIBE, "reset")
    yes = say_yes()
    come_back(drain)
    age_jobs(HALF_AN_HOUR)
    retry()
    kill(SUBSCRIBE, True)
    come_back(drain)
    assert fate(yes) == UNKNOWN
    assert jobs(sandbox) == 2


@pytest.mark.parametrize("where", ["at Sorae", "at Klaviyo"])
def test_an_operators_retry_asks_everything_again(sandbox: Sandbox, drain: Drain, where: str) -> None:
    sandbox.fault(SUBSCRIBE, "reset")
    yes = say_yes(ago=timedelta(minutes=1))
    come_back(drain)
    age_jobs(HALF_AN_HOUR)
    if where == "at Sorae":
        say_no()
    else:
        sandbox.put_profiles(TEA, [SeedProfile(email=BEN, consent="UNSUBSCRIBED")])
    retry()
    drain()
    make_due()  # the account is told of the no first
    drain()
    assert fate(yes) == (State.SKIPPED, "opted_out" if where == "at Sorae" else "withdrawn_since")
    assert jobs(sandbox) == 1


@pytest.mark.parametrize("fault", ["429", "html_403", "unauthorized"])
def test_what_klaviyo_did_not_take_goes_later(sandbox: Sandbox, drain: Drain, fault: str) -> None:
    sandbox.fault(SUBSCRIBE, fault)
    yes = say_yes()
    drain()
    if fault == "429":
        assert fate(yes) == (State.QUEUED, "throttled")
        budgets.forget()
    make_due()
    drain()
    assert fate(yes) == (State.ACCEPTED, "")
    assert known(sandbox, BEN).consent == "SUBSCRIBED"


def test_an_access_that_cannot_be_renewed_is_no_unknown_outcome(sandbox: Sandbox, drain: Drain) -> None:
    """The trouble came before the job left, though in the middle of it."""
    sandbox.fault(SUBSCRIBE, "unauthorized")
    sandbox.fault("oauth_token", "reset")
    yes = say_yes()
    drain()
    assert fate(yes) == (State.QUEUED, "refresh_uncertain")
    Connection.objects.update(refresh_lease=None, refresh_lease_until=None)
    make_due()
    drain()
    assert fate(yes) == (State.ACCEPTED, "")


def test_what_never_left_goes_later(sandbox: Sandbox, drain: Drain, monkeypatch: pytest.MonkeyPatch) -> None:
    send, tried = transport.send, 0

    def unreachable(asked: Operation, *about: Any, **request: Any) -> requests.Response:
        nonlocal tried
        tried += asked.id == SUBSCRIBE
        if asked.id == SUBSCRIBE and tried == 1:
            raise TemporaryError(reasons.of("unreachable", "The provider could not be reached."))
        return send(asked, *about, **request)

    monkeypatch.setattr(transport, "send", unreachable)
    yes = say_yes()
    drain()
    assert fate(yes) == (State.QUEUED, "unreachable")
    make_due()
    drain()
    assert fate(yes) == (State.ACCEPTED, "")


def test_an_outage_costs_one_yes_and_the_others_wait(sandbox: Sandbox, drain: Drain) -> None:
    sandbox.fault(SUBSCRIBE, "503")
    first, second = say_yes(), say_yes(CID)
    drain()
    assert (fate(first), fate(second)) == (UNKNOWN, (State.QUEUED, "http_503"))
    make_due()
    drain()
    assert fate(second) == (State.ACCEPTED, "")


def test_a_worker_that_comes_late_forwards_nothing(sandbox: Sandbox) -> None:
    yes = say_yes()
    connection = Connection.objects.get()
    late = outbox.claim(connection)
    end_leases()
    outbox.give_back_expired()
    worker.deliver(connection, late)
    assert jobs(sandbox) == 0
    assert not Attempt.objects.filter(operation=SUBSCRIBE).exists()
    while batch := outbox.claim(connection):
        worker.deliver(connection, batch)
    worker.deliver(connection, late)
    assert fate(yes) == (State.ACCEPTED, "")
    assert jobs(sandbox) == 1
