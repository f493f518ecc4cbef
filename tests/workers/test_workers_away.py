"""Workers are away for a day while beat and the site go on: nothing piles up that the first fact would wait for."""

import json
from typing import Any

import pytest
import redis

from sorae.celery import app
from tests.consent_screen import TEA_HOUSE_LTD
from tests.workers.conftest import QUEUES, House

DAY, A_WHILE = 86_400, 900
MOST_BYTES = 1_000_000

on_redis = pytest.mark.parametrize("house", ["PostgreSQL and Redis"], indirect=True)
embedded = pytest.mark.parametrize("house", ["the embedded parts"], indirect=True)


def wait_until_told(house: House) -> None:
    """The first fact goes to Klaviyo when a worker is started; the worker ends then."""
    known = len(house.klaviyo.events(TEA_HOUSE_LTD))
    worker = house.start_worker("-B")
    house.play("meet")
    house.wait_until(lambda: len(house.klaviyo.events(TEA_HOUSE_LTD)) > known)
    worker.terminate()
    house.wait_until(lambda: worker.poll() is not None)


def used_bytes(house: House) -> int:
    with redis.Redis.from_url(house.env["REDIS_URL"]) as client:
        return int(client.info("memory")["used_memory"])


def assert_one_of_each_waits(house: House) -> None:
    waiting = house.waiting()
    assert sorted(task for _, task in waiting) == sorted(app.conf.beat_schedule)
    assert {queue for queue, _ in waiting} == {"auth", "low"}


@on_redis
def test_after_a_day_without_workers_no_more_waits_than_after_a_while(house: House) -> None:
    """The day's first minutes and its last ones: what waits after the one is what waits after the other."""
    house.lose_messages()
    before = used_bytes(house)
    for ends_ago in (DAY, 0):
        assert house.play("beat", A_WHILE, ends_ago) > A_WHILE
        assert_one_of_each_waits(house)
        assert used_bytes(house) - before < MOST_BYTES
    accounts = house.play("wake", 100)
    assert sum(queue == "deliveries" for queue, _ in house.waiting()) == accounts
    wait_until_told(house)


@embedded
def test_without_redis_it_is_the_same(house: House) -> None:
    house.lose_messages()
    for ends_ago in (DAY, 0):
        assert house.play("beat", A_WHILE, ends_ago) > A_WHILE
        assert_one_of_each_waits(house)
    accounts = house.play("wake", 100)
    assert sum(queue == "deliveries" for queue, _ in house.waiting()) == accounts
    wait_until_told(house)


def test_wake_ups_that_nobody_hears_wait_once_for_each_account(house: House) -> None:
    house.lose_messages()
    accounts = house.play("wake", 100)
    assert house.waiting() == [("deliveries", "integrations.tasks.drain")] * accounts


@on_redis
def test_what_the_version_before_has_piled_up_is_thrown_away_and_messages_of_others_are_kept(house: House) -> None:
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
    wait_until_told(house)


def foreign(message: dict[str, Any], number: int) -> dict[str, Any]:
    """A task of the site's own, which knows nothing of ours."""
    return message | {"headers": message["headers"] | {"task": "shop.tasks.count", "id": f"theirs-{number}"}}
