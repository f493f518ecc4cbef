"""Rate limits of several processes with threads and one Redis, as a receiver sees them who counts every interval."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import pytest
import redis
from pytest_django import Settings

from integrations import pacing
from tests import servers

ROOT = Path(__file__).resolve().parents[3]
WINDOWS = "100/1,150/3"
PROCESSES = 4

Workers = list["subprocess.Popen[str]"]
Arrivals = list[tuple[float, float]]  # when a request could have arrived at the earliest, and when it did


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def address(stack: ExitStack, settings: Settings) -> str:
    """A Redis that these tests may flush and stop."""
    try:
        settings.REDIS_URL = stack.enter_context(servers.redis())
    except servers.NotHere as missing:
        pytest.skip(str(missing))
    pacing.remember_redis()
    return str(settings.REDIS_URL)


def start(address: str, seconds: float) -> tuple[Workers, float]:
    """Workers that are all there and begin at once; and when."""
    environment = os.environ | {"REDIS_URL": address, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-m", "tests.integrations.pacing.pacing_worker", "events", WINDOWS, "4"]
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, text=True)
        for _ in range(PROCESSES)
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == "ready\n"
    begin = time.time() + 0.5
    for worker in workers:
        assert worker.stdin
        print(begin, begin + seconds, file=worker.stdin, flush=True)
    return workers, begin


def arrivals(workers: Workers) -> tuple[list[Arrivals], float]:
    """Of each worker, when its requests arrived; and for how long the machine kept the slowest of them."""
    told = [worker.communicate(timeout=600)[0].splitlines() for worker in workers]
    each = [[(float(first), float(last)) for first, last in map(str.split, lines[1:])] for lines in told]
    return each, max(float(lines[0]) for lines in told)


def most_in(arrived: Arrivals, seconds: float) -> int:
    """How many came within such a stretch, whatever the machine did to them on their way."""
    return max(sum(1 for first, last in arrived if at <= first and last < at + seconds) for at, _ in arrived)


def wait_until(moment: float) -> None:
    time.sleep(max(moment - time.time(), 0))


def test_together_they_get_the_limit_and_no_more(address: str) -> None:
    workers, _ = start(address, 8)
    each, kept_back = arrivals(workers)
    arrived = sorted(chain(*each))
    assert most_in(arrived, 3) <= 150
    assert most_in(arrived, 1) <= 100
    assert len(arrived) >= (8 - kept_back) * 150 / 3 * 0.95


def test_a_redis_that_was_emptied_grants_half(address: str) -> None:
    workers, begin = start(address, 7)
    wait_until(begin + 2.5)
    with redis.Redis.from_url(address) as client:
        client.flushall()
    flushed = time.time()
    arrived = sorted(chain(*arrivals(workers)[0]))
    before = [(first, last) for first, last in arrived if last <= flushed]
    assert 0 < most_in(before, 3) <= 150
    assert most_in(before, 1) <= 100
    afterwards = [(first, last) for first, last in arrived if first > flushed + 0.1]
    assert 0 < most_in(afterwards, 3) <= 75


def test_without_redis_each_keeps_to_its_share(address: str, stack: ExitStack) -> None:
    workers, begin = start(address, 8)
    wait_until(begin + 1)
    stack.close()
    killed = time.time()
    each, _ = arrivals(workers)
    arrived = sorted(chain(*each))
    assert most_in(arrived, 3) <= 150
    assert most_in(arrived, 1) <= 100
    for own in each:
        afterwards = [(first, last) for first, last in own if first > killed + 0.5]
        assert 0 < most_in(afterwards, 3) <= 37
