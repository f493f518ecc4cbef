"""Rate limits in Klaviyo's fixed windows: so many calls of an operation in a second, a minute and a day."""

import math
import random
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """What one account may call one operation: per second, per minute and, for some, per day."""

    burst: int
    steady: int
    daily: int | None = None

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        pair = ((1, self.burst), (60, self.steady))
        return pair if self.daily is None else (*pair, (86_400, self.daily))


XS = Limit(1, 15)
S = Limit(3, 60)
M = Limit(10, 150)
L = Limit(75, 750)
XL = Limit(350, 3500)


@dataclass(frozen=True)
class Spent:
    """The outcome of asking for one call: seconds to wait when refused, headers when not."""

    retry_after: int | None
    headers: Mapping[str, str]


class Windows:
    """The counters of every account and operation; they start afresh with the process.

    Each has windows that begin at a moment of its own, unless they are asked to be `aligned` with the clock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._used: dict[tuple[str, str, int], tuple[int, int]] = {}
        self._phases: dict[tuple[str, str, int], float] = {}

    def spend(
        self, account: str, counters: Iterable[tuple[str, Limit]], *, enforce: bool, aligned: bool = False
    ) -> Spent:
        """Takes one call from every counter, or from none when one of them is empty."""
        at = time.time()
        asked = list(counters)
        with self._lock:
            waits = [
                math.ceil(ends - at) or 1
                for name, limit in asked
                for seconds, most in limit.windows
                for _, used, ends in [self._window((account, name, seconds), at, aligned=aligned)]
                if used >= most
            ]
            if waits and enforce:
                return Spent(max(1, *waits), {})
            for name, limit in asked:
                for seconds, _ in limit.windows:
                    index, used, _ = self._window((account, name, seconds), at, aligned=aligned)
                    self._used[account, name, seconds] = (index, used + 1)
            name, limit = asked[-1]
            left = max(0, limit.burst - self._window((account, name, 1), at, aligned=aligned)[1])
        return Spent(None, _headers(limit, left))

    def reset(self) -> None:
        with self._lock:
            self._used.clear()
            self._phases.clear()

    def _window(self, key: tuple[str, str, int], at: float, *, aligned: bool) -> tuple[int, int, float]:
        """The window that is open now: its number, the calls in it, and when it ends."""
        seconds = key[2]
        phase = 0.0 if aligned else self._phases.setdefault(key, random.uniform(0, seconds))  # noqa: S311
        index = int((at - phase) // seconds)
        known, used = self._used.get(key, (index, 0))
        return index, used if known == index else 0, (index + 1) * seconds + phase


def _headers(limit: Limit, left: int) -> dict[str, str]:
    parts = [str(limit.burst), *(f"{most};w={seconds}" for seconds, most in limit.windows)]
    return {"RateLimit-Limit": ", ".join(parts), "RateLimit-Remaining": str(left), "RateLimit-Reset": "0"}
