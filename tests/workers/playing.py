"""The environment of an installation under test, and a way to do something in it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from klaviyo.sandbox import Sandbox

ROOT = Path(__file__).resolve().parents[2]


def environment(klaviyo: Sandbox, folder: Path) -> dict[str, str]:
    """All settings of an installation whose Klaviyo is the given one."""
    return {
        "PATH": os.environ["PATH"],
        "VAR_DIR": str(folder),
        "SECRET_KEY": "correct-horse-battery-staple-" * 3,
        "ENCRYPTION_KEYS": "first:QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
        "SITE_URL": "http://localhost:8000",
        "KLAVIYO_CLIENT_ID": klaviyo.client_id,
        "KLAVIYO_CLIENT_SECRET": klaviyo.client_secret,
        "KLAVIYO_API_URL": klaviyo.url,
        "KLAVIYO_AUTHORIZE_URL": f"{klaviyo.url}/oauth/authorize",
    }


def play(env: dict[str, str], verb: str, *numbers: int) -> Any:
    """Play a verb of the scene in a process of its own; what it answers."""
    words = [sys.executable, "-m", "tests.workers.scene", verb, *map(str, numbers)]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
