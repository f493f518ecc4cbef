"""The environment of an installation under test, and somebody who does things in it."""

import contextlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from klaviyo.sandbox import Sandbox
from tests.sorae import forks

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

    def __init__(self, env: Mapping[str, str]) -> None:
        self._said = tempfile.NamedTemporaryFile("r")  # noqa: SIM115  (closed by `end`)
        self._ours, theirs = forks.FORKS.Pipe()
        self._process = forks.Fork(_answer, theirs, env=env, said=Path(self._said.name))
        theirs.close()

    def play(self, verb: str, *numbers: int | str) -> Any:
        """What the verb answers; it must succeed."""
        try:
            self._ours.send((verb, *numbers))
            return self._ours.recv()
        except (EOFError, OSError):
            raise AssertionError(self._said.read()) from None

    def end(self) -> None:
        self._ours.close()
        self._process.wait()
        self._said.close()


def _answer(asked: Any) -> None:
    """Until nobody asks any more."""
    from tests.workers import scene  # with the settings of its environment

    with contextlib.suppress(EOFError):
        while True:
            asked.send(scene.play(*asked.recv()))
