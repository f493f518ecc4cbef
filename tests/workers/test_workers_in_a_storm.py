"""A small storm: workers killed at random, Redis emptied, PostgreSQL crashed, while facts are being told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.play import NOT_HERE

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 150


def test_a_storm_loses_nothing_and_doubles_nothing() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.play", "storm", "quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LONGEST_SECONDS)
    if done.returncode == NOT_HERE:
        pytest.skip(f"Workers in a storm. {done.stderr}")
    assert done.stdout, done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert outcome["missed"] == [], f"{outcome}\n{done.stderr}"
    assert outcome["figures"]["workers killed"] >= 12
