"""A small storm: workers killed at random, Redis emptied, PostgreSQL crashed, while facts are being told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.play import NOT_HERE

ROOT = Path(__file__).resolve().parents[2]
LONGEST_SECONDS = 1800


def test_a_storm_loses_nothing_and_doubles_nothing() -> None:
    command = [sys.executable, "-m", "tests.benchmarks.play", "storm", "quick"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as storm:
        try:
            told, said = storm.communicate(timeout=LONGEST_SECONDS)
        except BaseException:
            storm.terminate()  # its servers end with it
            raise
    if storm.returncode == NOT_HERE:
        pytest.skip(f"Workers in a storm. {said}")
    assert told, said
    outcome = json.loads(told.splitlines()[-1])
    assert outcome["missed"] == [], f"{outcome}\n{said}"
    assert outcome["figures"]["workers killed"] >= 12
