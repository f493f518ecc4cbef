"""Starts real demos for tests, in folders and on ports of their own, and sees to it that they end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[3]
SECONDS_TO_END = 300


@dataclass
class Demo:
    """A running demo, and what it has said so far."""

    process: "subprocess.Popen[str]"
    folder: Path
    said: list[str]

    def listen(self, until: str = "") -> str:
        """Its next line that begins so; or, without a beginning, everything until its end. Its last line."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if until and line.startswith(until):
                break
        return self.said[-1]

    def processes(self) -> dict[str, psutil.Process]:
        """Everything it has started, by name; children of children included."""
        pids = json.loads((self.folder / "processes.json").read_text())
        started = {name: psutil.Process(pid) for name, pid in pids.items()}
        below = {f"{name} {child.pid}": child for name, one in started.items() for child in one.children()}
        return started | below


@contextmanager
def running(var: Path, *options: str) -> Iterator[Demo]:
    """A demo with its folder below `var`; killed afterwards if it has not ended."""
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    ports = ("--port", str(free_port()), "--sandbox-port", str(free_port()))
    process = subprocess.Popen(
        [sys.executable, "manage.py", "demo", *ports, *options],
        cwd=ROOT,
        env=inherited | {"VAR_DIR": str(var)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            yield Demo(process, var / "demo", [])
        finally:
            process.kill()


def gone(processes: dict[str, psutil.Process]) -> bool:
    """Whether all of them end, in good time."""
    _, alive = psutil.wait_procs(list(processes.values()), timeout=SECONDS_TO_END)
    return not alive
