"""A client's calls to Klaviyo: counted before they are made, and learnt from when they are answered."""

from collections.abc import Callable
from typing import Any

import pytest
import requests

from integrations import pacing
from integrations.errors import TemporaryError, Throttled
from integrations.models import Connection
from klaviyo.api import lists, transport
from klaviyo.api.client import Client
from klaviyo.sandbox import Sandbox

Answer = Callable[..., None]


@pytest.fixture
def answer_with(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Have Klaviyo's answers carry these RateLimit headers."""
    send = transport.send

    def answer_with(limit: str, remaining: str = "", reset: str = "") -> None:
        def with_headers(*request: Any, **parts: Any) -> requests.Response:
            response = send(*request, **parts)
            response.headers["RateLimit-Limit"] = limit
            response.headers["RateLimit-Remaining"] = remaining
            response.headers["RateLimit-Reset"] = reset
            return response

        monkeypatch.setattr(transport, "send", with_headers)

    return answer_with


def call(connection: Connection, *, is_backlog: bool = False) -> None:
    Client(connection, is_backlog=is_backlog).call(lists.GET_LISTS)


def used(connection: Connection) -> float:
    return pacing.used(f"{connection.pk}:get_lists", lists.GET_LISTS.windows) or 0.0


def test_a_call_is_counted(connection: Connection) -> None:
    call(connection)
    assert used(connection) == pytest.approx(1 / 75)


def test_klaviyos_limits_hold_from_the_first_answer_on(connection: Connection, answer_with: Answer) -> None:
    answer_with("10, 10;w=1, 300;w=60", "9", "0")
    call(connection)
    assert used(connection) == pytest.approx(1 / 10)


def test_what_others_use_of_the_account_is_left_to_them(connection: Connection, answer_with: Answer) -> None:
    answer_with("750, 75;w=1, 750;w=60", "150", "40")
    call(connection)
    assert used(connection) == pytest.approx(0.8)


def test_a_backlog_waits_while_there_is_room_for_what_has_just_happened(
    connection: Connection, answer_with: Answer
) -> None:
    answer_with("750, 75;w=1, 750;w=60", "100", "40")
    call(connection)
    with pytest.raises(Throttled) as caught:
        call(connection, is_backlog=True)
    assert 0 < caught.value.retry_after.total_seconds() <= 41
    call(connection)


def test_an_error_is_learnt_from_too(connection: Connection, sandbox: Sandbox, answer_with: Answer) -> None:
    answer_with("750, 75;w=1, 750;w=60", "150", "40")
    sandbox.fault("get_lists", "500")
    with pytest.raises(TemporaryError):
        call(connection)
    assert used(connection) == pytest.approx(0.8)


@pytest.mark.parametrize("header", ["", "lots", "-1, ;w=, 75;w=", "75, 75;w=1, 1;w=60", "٣, ٣;w=60", "0, 0;w=60"])
def test_headers_that_make_no_sense_change_nothing(connection: Connection, answer_with: Answer, header: str) -> None:
    answer_with(header, "-1", "soon")
    call(connection)
    assert used(connection) == pytest.approx(1 / 75)


def test_a_refused_call_closes_the_budget_without_another_request(connection: Connection, sandbox: Sandbox) -> None:
    sandbox.fault("get_lists", "429", retry_after="7")
    before = len(sandbox.requests("get_lists"))
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            call(connection)
        assert 6 < caught.value.retry_after.total_seconds() < 7.9
    assert len(sandbox.requests("get_lists")) == before + 1
