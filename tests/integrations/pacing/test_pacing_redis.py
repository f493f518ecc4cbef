"""Rate limits with a Redis that is new, emptied, gone or silent: the rate meanwhile, and how little time it costs."""

import socket
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from pytest_django import Settings

from integrations import pacing
from integrations.pacing import Memory, Window, redis_counters
from tests import servers
from tests.stopwatch import Stopwatch

WINDOW = Window(100, 3600)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    try:
        with servers.redis() as address:
            yield address
    except servers.NotHere as missing:
        pytest.skip(str(missing))


@pytest.fixture
def client(server: str, settings: Settings) -> Iterator["redis.Redis"]:
    """A Redis without anything in it."""
    settings.REDIS_URL = server
    with redis.Redis.from_url(server) as client:
        client.flushall()
        yield client


@pytest.fixture
def nobody(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://:secret@127.0.0.1:{servers.free_port()}/0"


def granted(budget: str = "b", asked: int = 200) -> int:
    return sum(not pacing.take(budget, [WINDOW]) for _ in range(asked))


def of_another_worker(url: str, budget: str, asked: int) -> int:
    """What a worker gets who has its own memory."""
    counters = redis_counters.Shared(url, Memory())
    return sum(counters.take(budget, [WINDOW], share=1.0) == 0 for _ in range(asked))


def test_an_empty_redis_grants_half_the_rate_for_a_minute(client: "redis.Redis") -> None:
    assert granted() == 50
    since = int(client.hget("sorae:pace:memory", "since") or 0)
    client.hset("sorae:pace:memory", "since", str(since - 61_000))
    assert granted() == 50, "and then the rest"
    assert granted("other") == 100, "a new budget is nothing to be careful about"


def test_an_emptied_redis_grants_half_the_rate_again(client: "redis.Redis") -> None:
    pacing.remember_redis()
    assert granted(asked=40) == 40
    client.flushall()
    assert granted() == 50


def test_a_redis_that_is_said_to_be_known_grants_all(client: "redis.Redis") -> None:
    pacing.remember_redis()
    assert granted() == 100


def test_a_block_outlives_the_memory_of_redis_and_reaches_other_workers(client: "redis.Redis", server: str) -> None:
    pacing.remember_redis()
    pacing.block("b", timedelta(seconds=30))
    assert (redis_counters.Shared(server, Memory()).take("b", [WINDOW], share=1.0) or 0) >= 30_000
    client.flushall()
    assert pacing.take("b", [WINDOW]) >= timedelta(seconds=29)


def test_a_refusal_slows_all_workers_down_and_counts_once(client: "redis.Redis", server: str) -> None:
    pacing.remember_redis()
    for _ in range(3):
        pacing.block("b", timedelta(milliseconds=500))
    time.sleep(0.6)
    assert of_another_worker(server, "b", 200) == 70


def test_a_published_limit_reaches_other_workers(client: "redis.Redis", server: str) -> None:
    pacing.remember_redis()
    pacing.heed("b", [WINDOW], {"RateLimit-Limit": "60, 60;w=3600"})
    assert of_another_worker(server, "b", 200) == 60


def test_what_is_kept_goes_by_itself(client: "redis.Redis") -> None:
    pacing.take("b", [Window(5, 1), WINDOW])
    pacing.block("b", timedelta(seconds=1))
    pacing.heed("b", [WINDOW], {"RateLimit-Limit": "60, 60;w=3600"})
    kept = {key.decode(): client.pttl(key) for key in client.scan_iter("*")}
    assert kept.pop("sorae:pace:memory") == -1
    assert len(kept) == 3
    assert 0 < kept["sorae:pace:{b}:1"] <= 2_100
    assert all(0 < left <= 7_200_000 for left in kept.values())


def test_a_clock_that_is_put_back_stops_nothing(client: "redis.Redis") -> None:
    pacing.remember_redis()
    assert granted(asked=100) == 100
    ahead = 10**9
    client.hset("sorae:pace:{b}:3600", mapping={"oldest": str(ahead), str(ahead): "100"})
    assert granted(asked=100) == 100


@pytest.mark.usefixtures("nobody")
def test_without_redis_each_worker_keeps_to_its_share() -> None:
    assert granted() == 25
    assert pacing.used("b", [WINDOW]) is None


@pytest.mark.usefixtures("nobody")
def test_a_redis_that_is_away_is_asked_now_and_then_and_no_password_is_told(caplog: pytest.LogCaptureFixture) -> None:
    watch = Stopwatch()
    granted()
    pacing.block("b", timedelta(seconds=1))
    assert watch.seconds() < 1
    assert caplog.text.count("Redis does not count for us (ConnectionError)") == 1
    assert "secret" not in caplog.text


def test_a_redis_that_never_answers_costs_half_a_second_once(settings: Settings) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        watch = Stopwatch()
        assert granted() == 25
        assert watch.seconds() < 1


def test_redis_knows_each_budgets_own_block_and_limits(client: "redis.Redis", settings: Settings) -> None:
    """Of a request in several budgets: what another worker has learnt of the second."""
    pacing.remember_redis()
    others = redis_counters.Shared(settings.REDIS_URL, Memory())
    both = [("own", [Window(50, 60)]), ("extra", [WINDOW])]
    others.heed("extra", WINDOW, 4, -1, 0)
    assert sum(not pacing.take_all(both) for _ in range(20)) == 4
    others.block("extra", 3_600_000)
    assert pacing.take_all(both) >= timedelta(minutes=59)
    assert (others.used("own", both[0][1]), others.used("extra", both[1][1])) == ([(4, 50)], [(4, 4)])


def test_while_redis_is_away_what_others_had_used_is_not_forgotten(client: "redis.Redis", settings: Settings) -> None:
    pacing.remember_redis()
    assert of_another_worker(settings.REDIS_URL, "b", 59) == 59
    assert granted(asked=1) == 1
    redis_counters.at(settings.REDIS_URL, pacing._memory)._rests_until = time.monotonic() + 60
    assert granted() == 25 - 1 - 15, "its share of the limit, less its share of what others have spent"


def test_a_full_redis_is_as_good_as_none(client: "redis.Redis") -> None:
    pacing.remember_redis()
    client.config_set("maxmemory", "1")
    try:
        assert granted() == 25
    finally:
        client.config_set("maxmemory", "0")
