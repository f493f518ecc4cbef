"""The supervisor of the demo's child processes: starts them, restarts those that die, and ends them all."""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sorae.demo import DemoError, dies_with_parent

ROOT = Path(__file__).resolve().parents[2]
GRACE_SECONDS = 8.0
LOOK_EVERY = 0.2
QUICK_DEATHS = 4  # so many in a row, each within QUICKLY of its start, and it is given up
QUICKLY = 5.0


@dataclass
class Process:
    """One command of the demo; it leads a group of its own, so that nothing of it stays behind."""

    name: str
    command: Sequence[str]
    running: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    quick_deaths: int = 0


@dataclass
class Processes:
    """All of them. `say` is called with a sentence when one had to be started again."""

    folder: Path
    say: Callable[[str], None]
    of_name: dict[str, Process] = field(default_factory=dict)
    problem: str = ""
    is_interrupted: bool = False
    _ending: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self, name: str, *command: str) -> None:
        process = Process(name, command)
        with self._lock:
            self.of_name[name] = process
            self._launch(process)

    def watch(self, *also: Callable[[], None]) -> threading.Thread:
        """Look after them, and after whatever else is given, until `end` or until one is given up."""
        watching = threading.Thread(target=self._watch, args=(also,), name="watch", daemon=True)
        watching.start()
        return watching

    def interrupt(self, *_: object) -> None:
        """For a signal: the next `check` ends the demo. To raise at once could leave somebody's lock held for ever."""
        self.is_interrupted = True

    def check(self) -> None:
        """Raises KeyboardInterrupt after a signal, and DemoError when one of them could not be kept alive."""
        if self.is_interrupted:
            raise KeyboardInterrupt
        if self.problem:
            raise DemoError(self.problem)

    def restart(self, name: str) -> None:
        """End one of them and start it again."""
        process = self.of_name[name]
        with self._lock:
            _signal(process, signal.SIGKILL)
            if process.running and not self._ending.is_set():
                process.running.wait()
                self._launch(process)

    def age(self, name: str) -> float:
        """Seconds since it was last started."""
        return time.monotonic() - self.of_name[name].started_at

    def end(self) -> None:
        """Ask all to end, wait, and kill those who would not; with everything they have started."""
        self._ending.set()
        with self._lock:
            for process in self.of_name.values():
                _signal(process, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS
            for process in self.of_name.values():
                if process.running:
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.running.wait(max(deadline - time.monotonic(), 0.1))
                _signal(process, signal.SIGKILL)
                if process.running:
                    process.running.wait()

    def log_of(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def _watch(self, also: Sequence[Callable[[], None]]) -> None:
        while not self.problem and not self._ending.wait(LOOK_EVERY):
            with self._lock:
                for process in self.of_name.values():
                    if not self._ending.is_set() and process.running and process.running.poll() is not None:
                        self._revive(process)
            for look in also:
                with contextlib.suppress(OSError):  # a folder that vanishes under it: the next look is soon
                    look()

    def _revive(self, process: Process) -> None:
        code = process.running.returncode if process.running else 0
        _signal(process, signal.SIGKILL)  # what it may have left behind
        is_quick = time.monotonic() - process.started_at < QUICKLY
        process.quick_deaths = process.quick_deaths + 1 if is_quick else 0
        how = f"was killed (signal {-code})" if code < 0 else f"ended (status {code})"
        if process.quick_deaths >= QUICK_DEATHS:
            process.running = None
            self.problem = f"The {process.name} {how} again and again. What it said: {self.log_of(process.name)}"
            return
        self._launch(process)
        self.say(f"The {process.name} {how}; it has been started again.")

    def _launch(self, process: Process) -> None:
        tied = dies_with_parent.tied(())
        with self.log_of(process.name).open("ab") as log:
            process.running = subprocess.Popen(  # noqa: S603  (the demo's own commands)
                [*tied, *process.command],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process.started_at = time.monotonic()
        self._write_down()

    def _write_down(self) -> None:
        """Who is who, for people who want to kill one."""
        pids = {one.name: one.running.pid for one in self.of_name.values() if one.running}
        path = self.folder / "processes.json"
        path.with_suffix(".json.new").write_text(json.dumps(pids, indent=2) + "\n")
        path.with_suffix(".json.new").replace(path)


def _signal(process: Process, number: int) -> None:
    """To the whole group; its leader may be dead while others of the group are not."""
    if process.running:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.running.pid, number)
