"""A benchmark in its small size, which a test can afford; what counts then is what does not hang on the machine."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.play import NOT_HERE

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 2200


def played(name: str, title: str) -> dict[str, Any]:
    """Its outcome. What it said goes to the report of the test, which is skipped where a server is not installed."""
    command = [sys.executable, "-m", "tests.benchmarks.play", name, "quick"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as playing:
        try:
            told, said = playing.communicate(timeout=LONGEST_SECONDS)
        except BaseException:
            playing.terminate()  # its servers end with it
            raise
    if playing.returncode == NOT_HERE:
        pytest.skip(f"{title} {said}")
    print(said)
    assert told, said
    outcome: dict[str, Any] = json.loads(told.splitlines()[-1])
    print(outcome)
    return outcome
