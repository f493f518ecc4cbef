"""The environment of an installation under test, and somebody who does things in it."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from klaviyo.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]


SETTINGS = {
    "PATH": os.environ["PATH"],
    "SECRET_KEY": "correct-horse-battery-staple-" * 3,
    "ENCRYPTION_KEYS": "first:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
    "SITE_URL": "http://localhost:8000",
    "KLAVIYO_CLIENT_ID": "sorae-tests",
    "KLAVIYO_CLIENT_SECRET": "sorae-tests-secret",
}


def environment(klaviyo: Sandbox, folder: Path) -> dict[str, str]:
    """All settings of an installation whose Klaviyo is the given one."""
    return SETTINGS | {
        "VAR_DIR": str(folder),
        "KLAVIYO_CLIENT_ID": klaviyo.client_id,
        "KLAVIYO_CLIENT_SECRET": klaviyo.client_secret,
        "KLAVIYO_API_URL": klaviyo.url,
        "KLAVIYO_AUTHORIZE_URL": f"{klaviyo.url}/oauth/authorize",
    }


class Scene:
    """A process that plays the verbs of the scene, one after the other, in the installation with this environment."""

    def __init__(self, env: dict[str, str]) -> None:
        self._said = tempfile.TemporaryFile("w+")  # noqa: SIM115  (closed by `end`)
        pipe = subprocess.PIPE
        words = [sys.executable, "-m", "tests.workers.scene"]
        self._process = subprocess.Popen(
            words, cwd=ROOT, env=env, stdin=pipe, stdout=pipe, stderr=self._said, text=True
        )

    def play(self, verb: str, *numbers: int | str) -> Any:
        """What the verb answers; it must succeed."""
        assert self._process.stdin
        assert self._process.stdout
        print(json.dumps([verb, *numbers]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            self._said.seek(0)
            raise AssertionError(self._said.read())
        return json.loads(answer)

    def end(self) -> None:
        self._process.communicate()
        self._said.close()
