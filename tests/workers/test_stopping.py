"""Graceful shutdown: asked to end, a worker ends soon, cleanly, and with nothing left in its hands."""

import time
from collections import Counter

import pytest

from tests.consent_screen import TEA_HOUSE_LTD
from tests.workers.conftest import House

PEOPLE = 60
SOON_SECONDS = 20.0
SLOW_ANSWER_SECONDS = 0.5


@pytest.mark.parametrize("sort", ["a Celery worker", "drain --loop"])
def test_in_the_middle_of_slow_answers_it_ends_soon_and_holds_nothing(house: House, sort: str) -> None:
    people = house.play("join", PEOPLE)
    house.observer.at_request = PEOPLE // 4
    first_request_at: list[float] = []
    asked_at: list[float] = []

    def ask() -> None:
        asked_at.append(time.monotonic())
        worker.terminate()

    def slow() -> None:
        first_request_at.append(time.monotonic())
        time.sleep(SLOW_ANSWER_SECONDS)

    house.observer.act = ask
    house.observer.every_request = slow
    started_at = time.monotonic()
    worker = house.start_worker("-B") if sort == "a Celery worker" else house.start_drain("--loop")
    house.wait_until(lambda: worker.poll() is not None)

    assert worker.returncode == 0, house.said(worker)
    to_begin = first_request_at[0] - started_at  # which is mostly the machine's own speed: some two seconds
    assert time.monotonic() - asked_at[0] < max(SOON_SECONDS, 5 * to_begin)
    assert house.play("leased") == 0
    standings = house.play("standings")
    assert "sending" not in standings
    assert standings["queued"] > 0, "it was to be asked before the end"

    house.observer.every_request = lambda: None
    house.start_drain("--loop")
    assert house.wait_until_settled() == {"accepted": 2 * PEOPLE}
    events = house.klaviyo.events(TEA_HOUSE_LTD, "Sorae Advocate Started")
    assert Counter(event.email for event in events) == Counter(people)
    assert [event.received for event in events] == [1] * PEOPLE
