"""A Redis that answers, and refuses to be written to: workers and beat wait for it, and go on where they were."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from klaviyo.sandbox import Sandbox
from tests import servers
from tests.consent_screen import TEA_HOUSE_LTD
from tests.workers import playing
from tests.workers.conftest import House, Observer

HELD_SECONDS = 10.0  # longer than a worker waits for one message, so that it has asked again
REFUSALS = {  # what redis-py 8 says of each
    "READONLY": "read only replica",
    "OOM": "command not allowed when used memory",
    "MISCONF": "MISCONF",
    "NOREPLICAS": "NOREPLICAS",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """On SQLite and a Redis of its own."""
    with ExitStack() as stack:
        observer = Observer()
        klaviyo = stack.enter_context(Sandbox(limits=False, observer=observer))
        try:
            url = stack.enter_context(servers.redis())
        except servers.NotHere as missing:
            pytest.skip(f"A Redis that refuses. {missing}")
        env = playing.environment(klaviyo, tmp_path) | {"REDIS_URL": url}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=playing.ROOT, env=env, check=True)
        house = stack.enter_context(House(env, klaviyo, observer))
        house.play("open")
        yield house


def refuse(client: redis.Redis, how: str) -> None:
    """Every write is answered so from now on, by Redis itself."""
    match how:
        case "READONLY":
            client.replicaof("127.0.0.1", "1")
        case "OOM":
            client.config_set("maxmemory", 1)
        case "MISCONF":  # it cannot write to its disk: its folder is gone
            shutil.rmtree(str(client.config_get("dir")["dir"]))
            client.config_set("save", "3600 1")
            client.set("changed", 1)
            client.bgsave()
        case "NOREPLICAS":
            client.config_set("min-replicas-to-write", 1)


def allow(client: redis.Redis) -> None:
    client.replicaof("NO", "ONE")
    for name, value in (("maxmemory", 0), ("save", ""), ("min-replicas-to-write", 0)):
        client.config_set(name, value)


def answered(client: redis.Redis) -> str:
    """What it says to a write; nothing when it takes it."""
    try:
        client.lpush("probe", "x")
    except redis.RedisError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("how", REFUSALS)
def test_workers_and_beat_wait_and_are_well_after(house: House, how: str) -> None:
    with redis.Redis.from_url(house.env["REDIS_URL"]) as client:
        worker, beat = house.start_worker(), house.start_beat()
        house.play("meet")
        house.wait_until(lambda: len(house.klaviyo.events(TEA_HOUSE_LTD)) == 1)

        refuse(client, how)
        house.wait_until(lambda: REFUSALS[how] in answered(client))
        house.play("meet")
        house.wait_until(lambda: beat.poll() is not None or REFUSALS[how] in house.said(beat))
        time.sleep(HELD_SECONDS)
        assert (worker.poll(), beat.poll()) == (None, None), house.said(worker)

        allow(client)
        house.wait_until(lambda: answered(client) == "")
        house.play("meet")
        house.wait_until(lambda: len(house.klaviyo.events(TEA_HOUSE_LTD)) == 3)
        assert (worker.poll(), beat.poll()) == (None, None)
        worker.terminate()
        house.wait_until(lambda: worker.poll() is not None)
        assert worker.returncode == 0
