"""Console output of the demo: colours and progress bars on a terminal, plain lines in a file."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[int], None]

WIDTH = 110


class Teller:
    """Speaks on standard output; sentences may come from any thread."""

    def __init__(self, *, plain: bool) -> None:
        is_terminal = sys.stdout.isatty() and not plain
        self.console = Console(force_terminal=is_terminal, width=None if is_terminal else WIDTH)
        self._is_terminal = is_terminal
        self._lock = threading.Lock()

    def say(self, sentence: str) -> None:
        with self._lock:
            self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)
            sys.stdout.flush()

    def last(self, line: str) -> None:
        """One line for programs, as it is."""
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    def addresses(self, told: dict[str, str]) -> None:
        for name, where in told.items():
            self.console.print(f"  [bold]{name:18}[/] {where}", highlight=False, soft_wrap=True)

    @contextmanager
    def progress(self, what: str, total: int) -> Iterator[Advance]:
        """A function to be called with how much is done."""
        if not self._is_terminal:
            yield self._tenths(what, total)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)

    def _tenths(self, what: str, total: int) -> Advance:
        told = -1

        def advance(done: int) -> None:
            nonlocal told
            tenth = done * 10 // max(total, 1)
            if tenth > told:
                told = tenth
                self.say(f"{what}: {done:,} of {total:,}")

        return advance
