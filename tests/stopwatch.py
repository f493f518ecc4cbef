"""A stopwatch that a slow machine does not wind up: what is measured is waiting, not standing in line for a processor.

Linux counts the latter for each thread (https://docs.kernel.org/scheduler/sched-stats.html, run delay); elsewhere
nothing is left out.
"""

import time
from pathlib import Path

TASKS = Path("/proc/self/task")


class Stopwatch:
    """Runs from its making on."""

    def __init__(self) -> None:
        self._began_at, self._stood = time.monotonic(), _stood()

    def seconds(self) -> float:
        """How long it has been, without the time in which a thread that still lives could not run for others."""
        in_line = sum(now - self._stood.get(task, 0) for task, now in _stood().items())
        return time.monotonic() - self._began_at - in_line / 1e9


def _stood() -> dict[str, int]:
    """Nanoseconds in line, of each thread of this process."""
    return {path.parent.name: int(path.read_text().split()[1]) for path in TASKS.glob("*/schedstat")}
