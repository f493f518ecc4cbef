"""Processes with an environment of their own that have imported Django and Celery already: forks of one that waits.

A new Python would import all of that again for each of them, which takes most of its time.
"""

import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 600
LOOK_EVERY = 0.02
IMPORTED = (  # nothing that asks for settings: each fork reads its own
    "celery.app.amqp",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.fixups.django",
    "celery.worker.worker",
    "cryptography.fernet",
    "csp.middleware",
    "django.contrib.admin.views.main",
    "django.contrib.messages.middleware",
    "django.core.management.commands.check",
    "django.core.management.commands.migrate",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.middleware.common",
    "django.middleware.security",
    "django.test.client",
    "environ",
    "iso4217",
    "klaviyo.sandbox",
    "phonenumbers",
    "psycopg2",
    "pydantic",
    "redis",
    "requests_oauthlib",
    "time_machine",
    "whitenoise.middleware",
    __name__,
)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(list(IMPORTED))


class Fork:
    """One of them, to be asked as a subprocess.Popen is. It leads a process group of its own."""

    def __init__(self, do: Callable[..., None], *about: Any, env: Mapping[str, str], said: Path) -> None:
        self._process = FORKS.Process(target=_live, args=(do, about, dict(env), str(said)))
        self._process.start()
        self._looking = threading.Lock()  # the status can be read once
        assert self._process.pid
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        with self._looking:
            return self._process.exitcode

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, seconds: float = LONGEST_SECONDS) -> int:
        """Raises TimeoutError."""
        ends_at = time.monotonic() + seconds
        while (status := self.poll()) is None:
            if time.monotonic() > ends_at:
                raise TimeoutError
            time.sleep(LOOK_EVERY)
        return status

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """With all that it has started, and without a chance to tidy up."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not come so far as to have a group
            self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def python(*words: str, env: Mapping[str, str], said: Path) -> Fork:
    """`python` with these words: `-c` and a script, `-m` and a module, or a file, and arguments."""
    return Fork(_obey, *words, env=env, said=said)


def run(*words: str, env: Mapping[str, str]) -> tuple[int, str]:
    """The exit status of `python` with these words and nothing but this environment, and all that it said."""
    with tempfile.NamedTemporaryFile("r") as said:
        process = python(*words, env=env, said=Path(said.name))
        try:
            return process.wait(), said.read()
        except TimeoutError:
            process.kill()
            raise AssertionError(f"{words} did not end by itself. {said.read()}") from None


def end() -> None:
    """The one that waits ends, so that what all of them have used is known to be ours."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]


def _live(do: Callable[..., None], about: tuple[Any, ...], env: dict[str, str], said: str) -> None:
    os.setsid()
    os.environ.clear()
    os.environ.update(env)
    sys.dont_write_bytecode = "PYTHONDONTWRITEBYTECODE" in env
    os.chdir(ROOT)
    output = os.open(said, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    do(*about)


def _obey(*words: str) -> None:
    sys.argv = list(words)
    if words[0] == "-c":
        exec(words[1], {"__name__": "__main__"})
    elif words[0] == "-m":
        sys.argv = list(words[1:])
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")
