"""Real Celery workers in processes of their own, on the embedded parts and on real ones."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis

from klaviyo.sandbox import Exchange, Sandbox
from tests import migrated, schemas, servers
from tests.sorae import forks
from tests.sorae.forks import Fork
from tests.workers import playing

PATIENCE_SECONDS = 900.0
QUEUES = ("deliveries", "auth", "low")


@dataclass
class Observer:
    """Checks every request, as all tests do, and may act while one waits for its answer."""

    at_request: int = 0
    act: Callable[[], None] = lambda: None
    every_request: Callable[[], None] = lambda: None
    seen: int = 0

    def __call__(self, exchange: Exchange) -> None:
        schemas.check(exchange)
        if exchange.method == "POST":
            self.seen += 1
            if self.seen == self.at_request:
                self.act()
        self.every_request()


@dataclass
class House:
    """One installation of the product: its environment, the workers that run in it, and its Klaviyo."""

    env: dict[str, str]
    klaviyo: Sandbox
    observer: Observer
    workers: list[Fork] = field(default_factory=list)
    scene: playing.Scene | None = None

    def __enter__(self) -> "House":
        self.scene = playing.Scene(self.env)
        return self

    def __exit__(self, *_: object) -> None:
        self.kill_workers()
        for worker in self.workers:
            worker.wait()
        if self.scene:
            self.scene.end()

    @property
    def var(self) -> Path:
        return Path(self.env["VAR_DIR"])

    def play(self, verb: str, *numbers: int | str) -> Any:
        """Do something in this house; see tests/workers/scene.py."""
        assert self.scene
        return self.scene.play(verb, *numbers)

    def start_worker(self, *options: str) -> Fork:
        command = ("-m", "celery", "-A", "sorae", "worker", "-P", "threads", "-c", "4")
        return self._start(*command, "-n", f"worker-{len(self.workers)}@%h", *options)

    def start_beat(self) -> Fork:
        """Beat in a process of its own."""
        return self._start("-m", "celery", "-A", "sorae", "beat", "--pidfile", "")

    def start_drain(self, *options: str) -> Fork:
        """The same work without a broker."""
        return self._start("manage.py", "drain", *options)

    def run(self, *words: str) -> tuple[int, str]:
        """The exit status of a command, and what it said."""
        status, said = forks.run("manage.py", *words, env=self.env)
        return status, said.strip()

    def _start(self, *words: str) -> Fork:
        worker = forks.python(*words, env=self.env, said=self.var / f"worker-{len(self.workers)}.log")
        self.workers.append(worker)
        return worker

    def messages(self) -> int:
        """How many messages the broker keeps for workers."""
        if url := self.env.get("REDIS_URL"):
            with redis.Redis.from_url(url) as client:
                return sum(int(client.llen(f"sorae:{queue}")) for queue in QUEUES)
        return len([*(self.var / "broker" / "messages").iterdir()])

    def waiting(self) -> list[tuple[str, str]]:
        """The queue and the task of each message that the broker keeps for workers."""
        if url := self.env.get("REDIS_URL"):
            with redis.Redis.from_url(url) as client:
                texts = [(queue, text) for queue in QUEUES for text in client.lrange(f"sorae:{queue}", 0, -1)]
        else:
            files = (self.var / "broker" / "messages").glob("*.msg")
            texts = [(path.name.split(".")[1], path.read_bytes()) for path in files]
        return sorted((queue, json.loads(text)["headers"]["task"]) for queue, text in texts)

    def said(self, worker: Fork) -> str:
        """What one of the workers has written."""
        log = self.var / f"worker-{self.workers.index(worker)}.log"
        return log.read_text() if log.exists() else ""  # it is made by the worker itself

    def kill_workers(self) -> None:
        """kill -9, without a chance to tidy up."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.kill()

    def lose_messages(self) -> None:
        """The broker forgets everything: its folder is emptied, or it is flushed."""
        if url := self.env.get("REDIS_URL"):
            with redis.Redis.from_url(url) as client:
                client.flushall()
        else:
            shutil.rmtree(self.var / "broker" / "messages")
            (self.var / "broker" / "messages").mkdir()

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Fails with what the workers said, when it does not become true in good time."""
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while not true():
            if time.monotonic() > ends_at:
                said = "\n".join(log.read_text()[-3000:] for log in sorted(self.var.glob("worker-*.log")))
                raise AssertionError(f"It did not happen. {self.play('standings')} The workers said:\n{said}")
            time.sleep(0.1)

    def wait_until_settled(self) -> dict[str, int]:
        """Until nothing waits and nothing is on its way; deliveries by state."""
        self.wait_until(lambda: not {"queued", "sending"} & set(self.play("standings")))
        return dict(self.play("standings"))


@pytest.fixture(scope="session")
def migrated_postgresql() -> Iterator[str]:
    """A PostgreSQL whose every new database begins with all tables; its address."""
    try:
        with migrated.postgres() as url:
            yield url
    except servers.NotHere as missing:
        pytest.skip(f"Workers on PostgreSQL and Redis. {missing}")


@pytest.fixture(params=["the embedded parts", "PostgreSQL and Redis"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """Tea House, open and connected to Klaviyo, before anyone has joined. It runs no worker yet."""
    with ExitStack() as stack:
        observer = Observer()
        klaviyo = stack.enter_context(Sandbox(limits=False, observer=observer))
        env = playing.environment(klaviyo, tmp_path)
        if request.param == "PostgreSQL and Redis":
            env["DATABASE_URL"] = servers.new_database(request.getfixturevalue("migrated_postgresql"))
            try:
                env["REDIS_URL"] = stack.enter_context(servers.redis())
            except servers.NotHere as missing:
                pytest.skip(f"Workers on PostgreSQL and Redis. {missing}")
        else:
            shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path)
        house = stack.enter_context(House(env, klaviyo, observer))
        house.play("open")
        yield house
