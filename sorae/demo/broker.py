"""Looks after Celery's filesystem broker, whose folder anybody can empty."""

from collections.abc import Callable
from pathlib import Path

from sorae.demo.processes import Processes

WORKER = "worker"
PATIENCE_SECONDS = 30.0


class Broker:
    """A worker makes its queues when it starts, and never again: without them every wake-up is lost.

    So when they are gone, the worker is started again. What was in them is of no account: a sweep finds
    whatever is due.
    """

    def __init__(self, folder: Path, processes: Processes, say: Callable[[str], None]) -> None:
        self.folder, self.processes, self.say = folder, processes, say
        self.was_there = False
        self.age = 0.0

    def look(self) -> None:
        """To be called again and again."""
        age = self.processes.age(WORKER)
        if age < self.age:  # a new worker, which has yet to make its queues
            self.was_there = False
        self.age = age
        if (self.folder / "control" / "deliveries.exchange").exists() and (self.folder / "messages").is_dir():
            self.was_there = True
        elif self.was_there or age > PATIENCE_SECONDS:
            self.was_there = False
            for name in ("messages", "control"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            self.say("The broker's folder was emptied; the worker is started again to make its queues.")
            self.processes.restart(WORKER)
