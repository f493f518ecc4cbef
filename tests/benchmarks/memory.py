"""What processes hold while they run: memory and open files, looked at twice a second."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

from tests.benchmarks.house import Process

EVERY_SECONDS = 0.5
MEGABYTE = 1_000_000


@dataclass
class Held:
    """Resident memory in MB, sample by sample."""

    samples: list[float] = field(default_factory=list)

    @property
    def peak(self) -> float:
        return max(self.samples, default=0.0)

    def around(self, share: float) -> float:
        """The highest in a tenth of the time that begins there."""
        first = int(len(self.samples) * share)
        return max(self.samples[first : first + max(len(self.samples) // 10, 1)], default=0.0)


def megabytes(processes: Sequence[Process]) -> float:
    """What the fattest of them holds now."""
    return max((_of(process).memory_info().rss / MEGABYTE for process in _living(processes)), default=0.0)


def open_files(processes: Sequence[Process]) -> int:
    """Of the one that has most."""
    return max((_of(process).num_fds() for process in _living(processes)), default=0)


@contextmanager
def watched(*processes: Process) -> Iterator[list[Held]]:
    """The memory of each process while the block lasts."""
    held = [Held() for _ in processes]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(EVERY_SECONDS):
            for process, of_it in zip(processes, held, strict=True):
                with contextlib.suppress(psutil.Error):
                    of_it.samples.append(_of(process).memory_info().rss / MEGABYTE)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield held
    finally:
        ended.set()
        watching.join()


def _of(process: Process) -> psutil.Process:
    return psutil.Process(process.pid)


def _living(processes: Sequence[Process]) -> list[Process]:
    return [process for process in processes if process.poll() is None]
