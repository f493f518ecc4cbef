"""Processes with an environment of their own that have imported Django and Celery already: forks of one that waits.

A new Python would import all of that again for each setting that is spoiled, which takes most of its time.
"""

import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 600
IMPORTED = (  # nothing that asks for settings: each fork reads its own
    "celery.app.amqp",
    "celery.fixups.django",
    "celery.worker.worker",
    "cryptography.fernet",
    "csp.middleware",
    "django.contrib.admin.views.main",
    "django.contrib.messages.middleware",
    "django.core.management.commands.check",
    "django.core.management.commands.migrate",
    "django.db.backends.sqlite3.base",
    "django.middleware.common",
    "django.middleware.security",
    "environ",
    "iso4217",
    "phonenumbers",
    "psycopg2",
    "redis",
    "requests_oauthlib",
    "whitenoise.middleware",
    __name__,
)
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(list(IMPORTED))


def run(*words: str, env: dict[str, str]) -> tuple[int, str]:
    """What `python` says to these words (`-c` and a script, or a file and its arguments), with nothing but this
    environment: its exit status, and all that it said.
    """
    with tempfile.NamedTemporaryFile("r") as said:
        process = FORKS.Process(target=_become, args=(words, env, said.name))
        process.start()
        process.join(LONGEST_SECONDS)
        if process.exitcode is None:
            process.kill()
            raise AssertionError(f"{words} did not end by itself. {said.read()}")
        return process.exitcode, said.read()


def _become(words: Sequence[str], env: dict[str, str], said: str) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    output = os.open(said, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, sys.stdout.fileno())
    os.dup2(output, sys.stderr.fileno())
    sys.argv = list(words)
    if words[0] == "-c":
        exec(words[1], {"__name__": "__main__"})
    else:
        runpy.run_path(words[0], run_name="__main__")
