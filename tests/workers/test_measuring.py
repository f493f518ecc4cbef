"""What the benchmarks measure with: processor time of the living and the dead, and another commit's product."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.benchmarks import against
from tests.benchmarks.meter import Cost
from tests.benchmarks.processor_time import ProcessorTime

BUSY = "import time\nwhile time.process_time() < 0.3: pass\n"
SAY = "print('done', flush=True)\n"
BUSY_CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BUSY!r}])\n"
REST = "import time; time.sleep(600)"


@contextmanager
def process(code: str) -> Iterator["subprocess.Popen[str]"]:
    """One that has done its work, and rests."""
    with subprocess.Popen([sys.executable, "-c", code + SAY + REST], stdout=subprocess.PIPE, text=True) as started:
        try:
            assert started.stdout
            assert started.stdout.readline() == "done\n"
            yield started
        finally:
            started.kill()


@pytest.mark.parametrize("code", [BUSY, BUSY_CHILD], ids=["itself", "its child, which has ended"])
def test_processor_time_of_who_was_killed_is_kept(code: str) -> None:
    times = ProcessorTime()
    with process(code) as worker:
        times.follow("worker", worker.pid)
        living = times.read()["worker"]
        assert living >= 0.25  # it is told in hundredths
        times.ended(worker.pid)
    assert times.read()["worker"] >= living


def test_processor_time_of_who_has_gone_unseen_is_what_was_seen_last() -> None:
    times = ProcessorTime()
    with process(BUSY) as worker:
        times.follow("worker", worker.pid)
        seen = times.read()
    assert times.read() == seen


def test_processor_time_counts_children_that_live() -> None:
    times = ProcessorTime()
    parent = (
        f"import subprocess, sys\nchild = subprocess.Popen([sys.executable, '-c', {BUSY + 'input()'!r}], stdin=-1)\n"
    )
    with process(parent) as postmaster:
        times.follow("PostgreSQL", postmaster.pid)
        while times.read()["PostgreSQL"] < 0.25:
            pass


def test_a_cost_is_told_by_the_fact() -> None:
    cost = Cost(seconds={"worker": 2.0, "PostgreSQL": 1.0, "sandbox": 4.0}, statements=30, wal=20_000, rows=None)
    assert (cost + cost).ours == 6.0
    assert (cost + Cost(statements=None)).statements is None


def test_another_commit_is_played_with_the_benchmarks_of_today() -> None:
    with against.checked_out("HEAD") as there:
        assert (there / "manage.py").exists()
        assert (there / "tests/benchmarks/against.py").read_text() == (
            against.ROOT / "tests/benchmarks/against.py"
        ).read_text()
    assert not there.exists()
    listed = subprocess.run(["git", "worktree", "list"], cwd=against.ROOT, capture_output=True, text=True, check=True)
    assert str(there) not in listed.stdout


def test_a_commit_that_is_not_there_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert against.main("no-such-commit", ["cost"], 1, is_quick=True) == 2
    assert "no-such-commit" in capsys.readouterr().err


def test_a_ratio_that_misses_its_mark_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    name = "CPU s per 1,000, ours and PostgreSQL"

    def outcomes(value: float) -> list[against.Outcome]:
        return [{"figures": {name: value}}]

    assert against._show("then", "cost", {"then": outcomes(4.0), "now": outcomes(1.9)})
    assert not against._show("then", "cost", {"then": outcomes(4.0), "now": outcomes(2.1)})
    assert not against._show("then", "cost", {"then": outcomes(4.0), "now": []})
    assert "0.53" in capsys.readouterr().out
