"""A Redis that answers, and refuses to be written to: workers and beat wait for it, and go on where they were."""

import shutil
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from urllib.parse import urlsplit

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
def house(tmp_path: Path, migrated_sqlite: Path) -> Iterator[House]:
    """On SQLite and a Redis of its own."""
    with ExitStack() as stack:
        observer = Observer()
        klaviyo = stack.enter_context(Sandbox(limits=False, observer=observer))
        try:
            url = stack.enter_context(servers.redis())
        except servers.NotHere as missing:
            pytest.skip(f"A Redis that refuses. {missing}")
        env = playing.environment(klaviyo, tmp_path) | {"REDIS_URL": url}
        shutil.copy(migrated_sqlite, tmp_path)
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


def test_workers_and_beat_wait_and_are_well_after(house: House) -> None:
    """Each refusal in its turn, and after each of them all that has been told arrives."""
    with redis.Redis.from_url(house.env["REDIS_URL"]) as client:
        worker, beat = house.start_worker(), house.start_beat()
        house.play("meet")
        house.wait_until(lambda: len(house.klaviyo.events(TEA_HOUSE_LTD)) == 1)

        for number, how in enumerate(REFUSALS):
            refuse(client, how)
            house.wait_until(partial(lambda word: word in answered(client), REFUSALS[how]))
            house.play("meet")
            house.wait_until(partial(lambda word: beat.poll() is not None or word in house.said(beat), REFUSALS[how]))
            time.sleep(HELD_SECONDS)
            assert (worker.poll(), beat.poll()) == (None, None), f"{how}: {house.said(worker)}"

            allow(client)
            house.wait_until(lambda: answered(client) == "")
            house.play("meet")
            house.wait_until(partial(lambda told: len(house.klaviyo.events(TEA_HOUSE_LTD)) == told, 3 + 2 * number))
            assert (worker.poll(), beat.poll()) == (None, None), how
        worker.terminate()
        house.wait_until(lambda: worker.poll() is not None)
        assert worker.returncode == 0


WORDS = (  # what servers, proxies and clusters answer while they fail over, start, or are full
    "READONLY You can't write against a read only replica.",
    "OOM command not allowed when used memory > 'maxmemory'.",
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
    "LOADING Redis is loading the dataset in memory",
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    "CLUSTERDOWN The cluster is down",
    "TRYAGAIN Multiple keys request during rehashing of slot",
    "MOVED 3999 127.0.0.1:6381",
    "NOREPLICAS Not enough good replicas to write.",
    "NOAUTH Authentication required.",
    "WRONGPASS invalid username-password pair or user is disabled.",
    "NOPERM this user has no permissions to run the 'brpop' command",
    "ERR max number of clients reached",
    "ERR unknown command 'EVAL'",
    "EXECABORT Transaction discarded because of previous errors.",
    "a word of its own",
)
SECONDS_EACH = 3.0


class Proxy:
    """Stands before a Redis; while it has words, it answers every command with them, also those that block."""

    def __init__(self) -> None:
        self.words = ""
        self.port = 0
        self._waiting: set[BufferedIOBase] = set()

    def say(self, words: str) -> None:
        self.words = words
        for answer in list(self._waiting):
            _say(answer, words)

    @contextmanager
    def before(self, port: int) -> Iterator["Proxy"]:
        proxy = self

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", port)) as real, suppress(OSError, ValueError):
                    threading.Thread(target=_pass_on, args=(real, self.connection), daemon=True).start()
                    words, is_within = "", False
                    while command := _command(self.rfile):
                        # A transaction is answered as it began: https://redis.io/docs/latest/develop/using-commands/transactions/
                        words = words if is_within else proxy.words
                        is_within = b"\r\nMULTI\r\n" in command or (is_within and b"\r\nEXEC\r\n" not in command)
                        if words:
                            _say(self.wfile, words)
                            continue
                        if b"\r\nBRPOP\r\n" in command:
                            proxy._waiting.add(self.wfile)
                        else:
                            proxy._waiting.discard(self.wfile)
                        real.sendall(command)
                proxy._waiting.discard(self.wfile)

        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.port = server.server_address[1]
            yield self
            server.shutdown()


def _command(stream: BufferedIOBase) -> bytes:
    """The next command as it stands there; nothing when the client has gone."""
    read = head = stream.readline()
    for _ in range(int(head[1:] or 0)):
        size = stream.readline()
        read += size + stream.read(int(size[1:]) + 2)
    return read


def _pass_on(real: socket.socket, client: socket.socket) -> None:
    with suppress(OSError):
        while some := real.recv(65_536):
            client.sendall(some)


def _say(answer: BufferedIOBase, words: str) -> None:
    with suppress(OSError, ValueError):
        answer.write(f"-{words}\r\n".encode())
        answer.flush()


def test_whatever_redis_says_workers_and_beat_wait_and_are_well_after(house: House) -> None:
    """They start while it refuses as well."""
    with Proxy().before(urlsplit(house.env["REDIS_URL"]).port or 0) as proxy:
        house.env["REDIS_URL"] = f"redis://127.0.0.1:{proxy.port}/0"
        proxy.say(WORDS[0])
        worker, beat = house.start_worker(), house.start_beat()

        def are_alive() -> bool:
            assert (worker.poll(), beat.poll()) == (None, None), f"{proxy.words}: {house.said(worker)[-3000:]}"
            return True

        def have_told(number: int) -> bool:
            return are_alive() and len(house.klaviyo.events(TEA_HOUSE_LTD)) == number

        house.wait_until(lambda: are_alive() and "read only" in house.said(worker) and "read only" in house.said(beat))
        for number, words in enumerate(WORDS, 1):
            proxy.say("")
            house.play("meet")
            house.wait_until(partial(have_told, number))
            proxy.say(words)
            time.sleep(SECONDS_EACH)
        proxy.say("")
        house.play("meet")
        house.wait_until(partial(have_told, len(WORDS) + 1))
