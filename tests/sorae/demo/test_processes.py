"""The demo's processes are kept alive, and given up with a sentence when they will not live."""

import os
import queue
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sorae.demo import DemoError
from sorae.demo.processes import Processes

SECONDS = 300


class Said:
    """The sentences that were said, one after the other as they come."""

    def __init__(self) -> None:
        self.sentences: queue.Queue[str] = queue.Queue()

    def __call__(self, sentence: str) -> None:
        self.sentences.put(sentence)

    def next(self) -> str:
        return self.sentences.get(timeout=SECONDS)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def processes(tmp_path: Path, said: Said) -> Iterator[Processes]:
    (tmp_path / "logs").mkdir()
    started = Processes(tmp_path, said)
    yield started
    started.end()


def test_a_process_that_is_killed_is_started_again_and_that_is_said(processes: Processes, said: Said) -> None:
    processes.start("worker", "sleep", "1000")
    processes.watch()
    first = processes.of_name["worker"].running
    assert first
    first.kill()
    assert said.next() == "The worker was killed (signal 9); it has been started again."
    second = processes.of_name["worker"].running
    assert second
    assert psutil.pid_exists(second.pid)
    assert str(second.pid) in (processes.folder / "processes.json").read_text()


def test_a_process_that_dies_again_and_again_is_given_up(processes: Processes, said: Said) -> None:
    processes.start("site", sys.executable, "-c", "raise SystemExit('no such luck')")
    processes.watch().join(SECONDS)
    assert said.next() == "The site ended (status 1); it has been started again."
    with pytest.raises(DemoError, match=r"The site ended \(status 1\) again and again"):
        processes.check()
    assert "no such luck" in processes.log_of("site").read_text()


def test_the_end_reaches_also_those_who_will_not_listen_and_their_children(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sorae.demo.processes.GRACE_SECONDS", 0.1)
    os.mkfifo(tmp_path / "pid")
    processes.start("stubborn", "sh", "-c", f"trap '' TERM; sleep 1000 & echo $! > {tmp_path / 'pid'}; wait; wait")
    child = psutil.Process(int((tmp_path / "pid").read_text()))
    processes.end()
    _, alive = psutil.wait_procs([child], timeout=SECONDS)
    assert not alive
