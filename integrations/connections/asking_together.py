"""Asking together: of the threads of this process that wait for the same thing one asks, and all hear its answer."""

import random
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

SHORTEST_SECONDS = 0.05
LONGEST_SECONDS = 1.0


class _Circle(Generic[Answer]):
    """Those who wait for one thing. The longer they have waited, the rarer they ask."""

    def __init__(self) -> None:
        self.news = threading.Condition()
        self.members = 0
        self.is_asking = False
        self.answer: Answer | None = None
        self.began_at = time.monotonic()

    def breath(self) -> float:
        """Seconds until the next question: every process asks, and that costs whoever we wait for."""
        waited = (time.monotonic() - self.began_at) / 2
        return min(max(waited, SHORTEST_SECONDS), LONGEST_SECONDS) * random.uniform(0.5, 1.5)  # noqa: S311


class Circles(Generic[Answer]):
    """The circles of one process, by what they wait for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[Hashable, _Circle[Answer]] = {}

    def ask(self, key: Hashable, question: Callable[[], Answer | None], gives_up_at: float) -> Answer | None:
        """The answer, whoever of us has got it; None when there was none until then.

        `question` is put by one thread at a time. None means: not yet. Who asks and gives up, or fails, leaves it to
        the next. `gives_up_at` is of the monotonic clock; whoever begins asks once in any case.
        """
        with self._member(key) as circle:
            while True:
                with circle.news:
                    while circle.is_asking and circle.answer is None:
                        if not circle.news.wait(max(gives_up_at - time.monotonic(), 0.0)):
                            return circle.answer
                    if circle.answer is not None:
                        return circle.answer
                    circle.is_asking = True
                return self._asked(key, circle, question, gives_up_at)

    def _asked(
        self, key: Hashable, circle: _Circle[Answer], question: Callable[[], Answer | None], gives_up_at: float
    ) -> Answer | None:
        answer: Answer | None = None
        try:
            while (answer := question()) is None and (left := gives_up_at - time.monotonic()) > 0:
                time.sleep(min(circle.breath(), left))
            return answer
        finally:
            if answer is not None:
                self._close(key, circle)
            with circle.news:
                circle.answer, circle.is_asking = answer, False
                circle.news.notify_all()

    @contextmanager
    def _member(self, key: Hashable) -> Iterator[_Circle[Answer]]:
        with self._lock:
            circle = self._open.setdefault(key, _Circle())
            circle.members += 1
        try:
            yield circle
        finally:
            with self._lock:
                circle.members -= 1
                if not circle.members and self._open.get(key) is circle:
                    del self._open[key]

    def _close(self, key: Hashable, circle: _Circle[Answer]) -> None:
        """An answer is for those who wait for it; whoever comes later asks anew."""
        with self._lock:
            if self._open.get(key) is circle:
                del self._open[key]
