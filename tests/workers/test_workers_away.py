"""Workers are away for a day while beat and the site go on: nothing piles up, and the first fact waits for nobody."""

import json
import time
from typing import Any

import pytest
import redis

from sorae.celery import app
from tests.consent_screen import TEA_HOUSE_LTD
from tests.workers.conftest import QUEUES, House

DAY, HOUR = 86_400, 3_600
TIMES_AS_LONG = 2.0
MOST_BYTES = 1_000_000

on_redis = pytest.mark.parametrize("house", ["PostgreSQL and Redis"], indirect=True)
embedded = pytest.mark.parametrize("house", ["the embedded parts"], indirect=True)


def seconds_until_told(house: House) -> float:
    """How long the first fact takes to Klaviyo, from the moment when a worker is started; the worker ends then."""
    known = len(house.klaviyo.events(TEA_HOUSE_LTD))
    began = time.monotonic()
    worker = house.start_worker("-B")
    house.play("meet")
    house.wait_until(lambda: len(house.klaviyo.events(TEA_HOUSE_LTD)) > known)
    took = time.monotonic() - began
    worker.terminate()
    house.wait_until(lambda: worker.poll() is not None)
    return took


def used_bytes(house: House) -> int:
    with redis.Redis.from_url(house.env["REDIS_URL"]) as client:
        return int(client.info("memory")["used_memory"])


def shortest(house: House) -> float:
    """A machine that was busy with something else is asked again."""
    return min(seconds_until_told(house) for _ in range(2))


def assert_one_of_each_waits(house: House) -> None:
    waiting = house.waiting()
    assert sorted(task for _, task in waiting) == sorted(app.conf.beat_schedule)
    assert {queue for queue, _ in waiting} == {"auth", "low"}


@on_redis
def test_after_a_day_without_workers_the_first_fact_comes_as_soon_as_ever(house: House) -> None:
    """The day's first hour and its last one: what waits after the one is what waits after the other."""
    without = shortest(house)
    house.lose_messages()
    before = used_bytes(house)
    for ends_ago in (DAY, 0):
        assert house.play("beat", HOUR, ends_ago) > HOUR
        assert_one_of_each_waits(house)
        assert used_bytes(house) - before < MOST_BYTES
    house.play("wake", 100)
    with redis.Redis.from_url(house.env["REDIS_URL"]) as client:
        for queue in QUEUES:
            client.copy(f"sorae:{queue}", f"again:{queue}")
        after = seconds_until_told(house)
        for queue in QUEUES:
            client.copy(f"again:{queue}", f"sorae:{queue}", replace=True)
        after = min(after, seconds_until_told(house))
    assert after <= TIMES_AS_LONG * without


@embedded
def test_without_redis_it_is_the_same(house: House) -> None:
    without = shortest(house)
    house.lose_messages()
    for ends_ago in (DAY, 0):
        assert house.play("beat", HOUR // 4, ends_ago) > HOUR // 4
        assert_one_of_each_waits(house)
    house.play("wake", 100)
    assert shortest(house) <= TIMES_AS_LONG * without


def test_wake_ups_that_nobody_hears_wait_once_for_each_account(house: House) -> None:
    house.lose_messages()
    accounts = house.play("wake", 100)
    assert house.waiting() == [("deliveries", "integrations.tasks.drain")] * accounts


@on_redis
def test_what_the_version_before_has_piled_up_is_thrown_away_and_messages_of_others_are_kept(house: House) -> None:
    without = shortest(house)
    house.play("beat", 60)
    with redis.Redis.from_url(house.env["REDIS_URL"]) as client:
        (pattern,) = [text for text in client.lrange("sorae:low", 0, -1) if b"look_at_imports" in text]
        old = json.loads(pattern)
        del old["headers"]["once"]
        old["headers"]["expires"] = None
        client.delete(*(f"sorae:{queue}" for queue in QUEUES))
        for number in range(21):
            client.lpush("sorae:deliveries", *([json.dumps(old)] * 1000), json.dumps(foreign(old, number)))
    worker = house.start_worker("-Q", "deliveries")
    house.wait_until(lambda: house.said(worker).count("unregistered task") == 21)
    assert "21000 old messages" in house.said(worker)
    worker.terminate()
    house.wait_until(lambda: worker.poll() is not None)
    assert seconds_until_told(house) <= TIMES_AS_LONG * without


def foreign(message: dict[str, Any], number: int) -> dict[str, Any]:
    """A task of the site's own, which knows nothing of ours."""
    return message | {"headers": message["headers"] | {"task": "shop.tasks.count", "id": f"theirs-{number}"}}
