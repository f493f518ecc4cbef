"""One installation on this machine alone: private PostgreSQL and Redis, a Klaviyo, and the workers that run in it.

Every process that is started here is tied to ours and has ended when the house is left.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import redis

from klaviyo.sandbox import CLIENT_ID, CLIENT_SECRET
from klaviyo.sandbox.state.accounts import ACCOUNTS
from sorae.demo import dies_with_parent
from tests import servers
from tests.benchmarks.catalogue import Needs
from tests.benchmarks.known import Klaviyo
from tests.benchmarks.processor_time import ProcessorTime

ROOT = Path(__file__).resolve().parents[2]
THREADS = 8
GRACE_SECONDS = 25.0
STATEMENTS = "pg_stat_statements"

Process = subprocess.Popen[bytes]


@dataclass(eq=False)
class House:
    """Where it all runs: the environment of its processes, a folder for their logs, and its Klaviyo.

    `spare` is an account that no store is joined to, and `latency` the seconds that each answer of Klaviyo takes.
    """

    env: dict[str, str]
    folder: Path
    klaviyo: Klaviyo
    processes: list[Process] = field(default_factory=list)
    times: ProcessorTime = field(default_factory=ProcessorTime)
    spare: str = ""
    latency: float = 0.0

    def start(self, name: str, *command: str) -> Process:
        """A Python module in a process, and a process group, of its own."""
        tied = dies_with_parent.tied([sys.executable, "-m"])
        log_file = self.folder / f"{name}-{len(self.processes)}.log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                [*tied, *command],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.processes.append(process)
        self.times.follow(name, process.pid)
        return process

    def start_worker(self, threads: int = THREADS) -> Process:
        name = f"worker-{len(self.processes)}@house"
        return self.start("worker", *CELERY, "worker", "-P", "threads", "-c", str(threads), "-n", name)

    def start_workers(self, number: int, threads: int = THREADS) -> list[Process]:
        """So many workers, and the timer that gives them their regular work."""
        self.start("beat", *CELERY, "beat", "-s", str(self.folder / "timer"))
        return [self.start_worker(threads) for _ in range(number)]

    def kill(self, process: Process) -> None:
        """kill -9 to its whole group, without a chance to tidy up."""
        self.times.ended(process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def end(self, processes: Sequence[Process]) -> None:
        """Ask them to end, and kill those that would not."""
        for process in processes:
            process.terminate()
        for process in processes:
            _wait(process, GRACE_SECONDS)
            self.kill(process)

    def wait(self, process: Process, seconds: float) -> int:
        """Its exit status, once it has ended. Raises subprocess.TimeoutExpired."""
        _wait(process, seconds)
        self.times.ended(process.pid)
        return process.wait(0.1)

    @contextmanager
    def stopped(self, processes: Sequence[Process]) -> Iterator[None]:
        """They stand still while the block lasts."""
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                process.send_signal(signal.SIGCONT)

    def flush_redis(self) -> None:
        with redis.Redis.from_url(self.env["REDIS_URL"]) as client:
            client.flushall()

    def crash_postgres(self) -> None:
        self.times.ended(_postmaster(self.env["DATABASE_URL"]))
        servers.restart_postgres(self.env["DATABASE_URL"])
        self.times.follow("PostgreSQL", _postmaster(self.env["DATABASE_URL"]))

    def last_words(self) -> str:
        """The end of what the workers said."""
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in sorted(self.folder.glob("worker-*.log")))


CELERY = ("celery", "-A", "sorae", "-q")


@contextmanager
def opened(needs: Needs) -> Iterator[House]:
    """A house with an empty database and no worker yet. Its `spare` account is for baselines."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sorae-bench-")))
        times, accounts = ProcessorTime(), max(needs.accounts, len(ACCOUNTS)) + 1
        klaviyo = stack.enter_context(_klaviyo(folder, needs.latency, accounts, times))
        env = _environment(folder, klaviyo) | dict(needs.settings)
        env["DATABASE_URL"] = stack.enter_context(servers.postgres(**_postgres(needs)))
        times.follow("PostgreSQL", _postmaster(env["DATABASE_URL"]))
        env["REDIS_URL"] = stack.enter_context(servers.redis())
        with redis.Redis.from_url(env["REDIS_URL"]) as client:
            times.follow("Redis", client.info("server")["process_id"])
        spare = f"busy{accounts - 1:02}"
        house = House(env, folder, klaviyo, times=times, spare=spare, latency=needs.latency)
        try:
            yield house
        finally:
            for process in house.processes:
                house.kill(process)


def _postgres(needs: Needs) -> dict[str, str]:
    """Settings of its PostgreSQL, with statistics of statements where that module is installed.

    https://www.postgresql.org/docs/current/pgstatstatements.html
    """
    counts = {"shared_preload_libraries": STATEMENTS, f"{STATEMENTS}.max": "50000"}  # statements that differ
    return (counts if servers.has_module(STATEMENTS) else {}) | dict(needs.postgres)


def _postmaster(url: str) -> int:
    """https://www.postgresql.org/docs/current/storage-file-layout.html: its process id is the first line."""
    return int((Path(urlsplit(url).path).parent / "data" / "postmaster.pid").read_text().split()[0])


def _wait(process: Process, seconds: float) -> None:
    ends_at = time.monotonic() + seconds
    while not _has_ended(process) and time.monotonic() < ends_at:
        time.sleep(0.05)


def _has_ended(process: Process) -> bool:
    """Without waiting for it, as what it has spent can be read until then."""
    if process.returncode is not None:
        return True
    # https://docs.python.org/3/library/os.html#os.waitid
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None


@contextmanager
def _klaviyo(folder: Path, latency: float, accounts: int, times: ProcessorTime) -> Iterator[Klaviyo]:
    words = ["tests.benchmarks.sandbox_process", str(folder), str(latency), str(accounts)]
    tied = dies_with_parent.tied([sys.executable, "-m", *words])
    process = subprocess.Popen(tied, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    times.follow("sandbox", process.pid)
    try:
        url = process.stdout.readline().strip() if process.stdout else ""
        if not url:
            raise RuntimeError("The sandbox did not start.")
        yield Klaviyo(url, folder / "arrivals")
    finally:
        process.kill()
        process.wait()


def _environment(folder: Path, klaviyo: Klaviyo) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "sorae.settings",
        "VAR_DIR": str(folder),
        "SECRET_KEY": "correct-horse-battery-staple-" * 3,
        "ENCRYPTION_KEYS": "first:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
        "SITE_URL": "http://localhost:8000",
        "KLAVIYO_CLIENT_ID": CLIENT_ID,
        "KLAVIYO_CLIENT_SECRET": CLIENT_SECRET,
        "KLAVIYO_API_URL": klaviyo.url,
        "KLAVIYO_AUTHORIZE_URL": f"{klaviyo.url}/oauth/authorize",
        "NO_PROXY": "localhost,127.0.0.1",
        "LOG_LEVEL": "WARNING",
        "PYTHONUNBUFFERED": "1",
    }
