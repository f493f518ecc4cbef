"""The database restarts, locks itself up or takes no writes: nothing is half-done, and all goes on afterwards."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg2  # type: ignore[import-untyped]
import pytest
from django.db import Error, OperationalError, close_old_connections
from django.db import connection as database
from django.test import Client
from django.urls import reverse

from integrations import outbox
from integrations.models import Connection, Delivery
from integrations.workers import worker
from klaviyo.api import transport
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program, Submission
from tests.conftest import Drain
from tests.faults import stored
from tests.klaviyo.story import BEN, CID, TEA, State, end_leases, make_due, metrics, states

STORY = ["Sorae Advocate Started", "Sorae Conversion", "Sorae Invite Sent"]
KILL = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> {own}"
IS_POSTGRESQL = "postgresql"  # SQLite has no connection that somebody else could end: there it is closed


def restart() -> None:
    """Every connection to the database ends, as when it is restarted."""
    if database.vendor != IS_POSTGRESQL:
        database.close()
        return
    settings = database.get_connection_params()
    known = {name: settings[name] for name in ("dbname", "user", "host", "port", "password") if settings.get(name)}
    with psycopg2.connect(**known) as other, other.cursor() as cursor:
        cursor.execute(KILL.format(own="pg_backend_pid()"))
    other.close()


@contextmanager
def read_only() -> Iterator[None]:
    """As on a full disk, or a replica that has not taken over yet."""
    on, off = ("PRAGMA query_only = 1", "PRAGMA query_only = 0")
    if database.vendor == IS_POSTGRESQL:
        on, off = (f"SET default_transaction_read_only = {word}" for word in ("on", "off"))
    with database.cursor() as cursor:
        cursor.execute(on)
    try:
        yield
    finally:
        with database.cursor() as cursor:
            cursor.execute(off)


def each_request(monkeypatch: pytest.MonkeyPatch, number: int, act: Callable[[], Any]) -> list[int]:
    """Act at that request to Klaviyo, while its answer is on the way; how many there were."""
    send, made = transport.send, [0]

    def watched(*about: Any, **request: Any) -> Any:
        made[0] += 1
        answer = send(*about, **request)
        if made[0] == number:
            act()
        return answer

    monkeypatch.setattr(transport, "send", watched)
    return made


def tell_the_story(ann: Advocate) -> None:
    lifecycle.invite(ann, BEN)
    lifecycle.convert(ann, order_id="1", friend_email=CID, total="1", currency="EUR")


def come_back(drain: Drain) -> None:
    for _ in range(3):
        end_leases()
        worker.sweep()
        make_due()
        drain()


@pytest.mark.parametrize("number", [1, 2, 4, 6])
def test_a_restart_under_a_worker_loses_and_doubles_nothing(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    tell_the_story(ann)
    made = each_request(monkeypatch, number, restart)
    with suppress(Error):
        drain()
    assert made[0] >= number
    database.close()
    come_back(drain)
    assert states() == {State.ACCEPTED}
    assert metrics(sandbox, ann.email) == STORY
    assert metrics(sandbox, BEN) == ["Sorae Invite Received"]
    assert metrics(sandbox, CID) == ["Sorae Referred Purchase"]


def test_after_a_restart_the_next_request_is_answered(spring: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a web server does it: what is dead is noticed when a request begins."""
    page = reverse("referrals:join", args=["tea-house", "spring"])
    monkeypatch.setitem(database.settings_dict, "CONN_HEALTH_CHECKS", True)
    database.close()  # the setting counts from the next connection on
    browser = Client(raise_request_exception=False)
    for _ in range(3):
        assert browser.get(page).status_code == 200
        restart()
        close_old_connections()  # as at the beginning of each request; Django's test client leaves it out
        assert browser.get(page).status_code == 200
        assert browser.get("/health/").status_code == 200


@pytest.mark.parametrize("words", ["deadlock detected", "could not serialize access due to concurrent update"])
def test_a_deadlock_while_an_outcome_is_written_costs_time_and_nothing_else(
    sandbox: Sandbox, ann: Advocate, drain: Drain, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    tell_the_story(ann)
    settle, left = outbox.settle, [3]

    def unlucky(*about: Any) -> bool:
        if left[0]:
            left[0] -= 1
            raise OperationalError(words)
        return settle(*about)

    monkeypatch.setattr(outbox, "settle", unlucky)
    with suppress(OperationalError):
        drain()
    come_back(drain)
    assert left == [0]
    assert states() == {State.ACCEPTED}
    assert metrics(sandbox, ann.email) == STORY
    assert [event.email for event in sandbox.events(TEA)].count(BEN) == 1


def test_a_fact_that_cannot_be_stored_fails_visibly_and_leaves_no_half(ann: Advocate) -> None:
    before = stored.tables()
    with read_only():
        for tell in (
            lambda: lifecycle.invite(ann, BEN),
            lambda: lifecycle.convert(ann, order_id="1", friend_email=CID, total="1", currency="EUR"),
            lambda: lifecycle.join(ann.program, "kim@example.com"),
        ):
            with pytest.raises(Error):
                tell()
    assert stored.tables() == before
    assert lifecycle.invite(ann, BEN).recipient_email == BEN


def test_a_form_says_so_when_nothing_can_be_stored(spring: Program) -> None:
    browser, page = Client(raise_request_exception=False), reverse("referrals:join", args=["tea-house", "spring"])
    with read_only():
        answer = browser.post(page, {"email": "kim@example.com"})
        assert browser.get("/health/").status_code == 200
    assert answer.status_code in (500, 503)
    assert b"Traceback" not in answer.content
    assert not Submission.objects.exists()
    assert browser.post(page, {"email": "kim@example.com"}).status_code == 302
    assert Submission.objects.exists()


def test_a_worker_that_cannot_write_sends_nothing_and_goes_on_later(
    sandbox: Sandbox, ann: Advocate, drain: Drain
) -> None:
    made = len(sandbox.requests())
    with read_only():
        with pytest.raises(Error):
            worker.drain(Connection.objects.get().pk)
        with pytest.raises(Error):
            worker.sweep()
    assert len(sandbox.requests()) == made
    drain()
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.ACCEPTED}
