"""From a fact to Klaviyo through real worker processes, on good days and bad ones."""

import signal
from collections import Counter

import pytest

from sorae.celery import app
from tests.consent_screen import TEA_HOUSE_LTD
from tests.workers.conftest import House

PEOPLE = 60  # two deliveries each: the profile and the event


def told(house: House) -> Counter[str]:
    """Whose joining Klaviyo knows of, and how often."""
    return Counter(event.email or "" for event in house.klaviyo.events(TEA_HOUSE_LTD, "Sorae Advocate Started"))


def test_a_fact_reaches_klaviyo_through_a_worker(house: House) -> None:
    house.start_worker("-B")
    (ann,) = house.play("join", 1)
    house.wait_until(lambda: told(house) == {ann: 1})
    assert house.wait_until_settled() == {"accepted": 2}
    assert house.klaviyo.profile(TEA_HOUSE_LTD, ann) is not None


def test_a_worker_killed_halfway_and_a_broker_that_forgets_everything_lose_nothing(house: House) -> None:
    people = house.play("join", PEOPLE)
    house.observer.at_request = 3 * PEOPLE // 4
    house.observer.act = house.kill_workers
    first = house.start_worker("-B")
    house.wait_until(lambda: first.poll() is not None)
    assert first.returncode == -signal.SIGKILL
    assert house.play("standings")["sending"] > 0

    house.lose_messages()
    house.play("end-leases")
    house.start_worker("-B")

    assert house.wait_until_settled() == {"accepted": 2 * PEOPLE}
    assert told(house) == Counter(people)
    assert {profile.email for profile in house.klaviyo.profiles(TEA_HOUSE_LTD)} == set(people)


@pytest.mark.parametrize("house", ["the embedded parts"], indirect=True)  # on both in test_stopping.py
def test_a_worker_that_is_asked_to_end_finishes_what_it_holds(house: House) -> None:
    house.play("join", PEOPLE)
    worker = house.start_worker("-B")
    house.observer.at_request = PEOPLE // 4
    house.observer.act = worker.terminate
    house.wait_until(lambda: worker.poll() is not None)
    assert "sending" not in house.play("standings")


def test_workers_side_by_side_take_nothing_twice(house: House) -> None:
    people = house.play("join", PEOPLE)
    for options in (["-B"], [], []):
        house.start_worker(*options)
    assert house.wait_until_settled() == {"accepted": 2 * PEOPLE}
    assert told(house) == Counter(people)
    received = [event.received for event in house.klaviyo.events(TEA_HOUSE_LTD)]
    assert received == [1] * PEOPLE


def test_nobody_commands_a_worker_through_the_broker(house: House) -> None:
    """What ends and asks a worker elsewhere is heard by none; a signal ends it."""
    worker = house.start_worker("-B")
    house.play("join", 1)
    house.wait_until_settled()
    assert house.play("command") == []
    house.play("meet")
    assert house.wait_until_settled() == {"accepted": 4}
    assert worker.poll() is None
    assert "mingle" not in house.said(worker)
    worker.terminate()
    house.wait_until(lambda: worker.poll() is not None)
    assert worker.returncode == 0


def test_a_worker_without_options_takes_from_every_queue_that_is_used() -> None:
    used = {app.conf.task_default_queue, *app.conf.task_routes.values()}
    wake_ups = [task for task, queue in app.conf.task_routes.items() if queue == "deliveries"]
    assert wake_ups == ["integrations.tasks.drain"]
    assert set(app.amqp.queues.consume_from) == used
