"""Rate limits counted in the memory of one process: all there is without Redis, and what holds while Redis is away."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta

from integrations.pacing.counts import Budget, Count
from integrations.pacing.windows import (
    BACKLOG_SHARE,
    FACTOR_OF_A_429,
    LEAST_FACTOR,
    PUBLISHED_FOR,
    Window,
    most,
    used_by_others,
)

TIDY_ABOVE = 1000  # budgets
TIDY_EVERY = 60_000
IDLE_AFTER = 2  # times the longest window


class Memory:
    """The budgets of one process. `clock` gives seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._budgets: dict[str, Budget] = {}
        self._tidied_at = self._now()

    def take(
        self, budget: str, windows: Sequence[Window], *, is_backlog: bool = False, workers: int = 1, requests: int = 1
    ) -> int:
        """Milliseconds to wait; 0 when so many requests, one or none, were counted.

        Of several workers each keeps to its share.
        """
        return self.take_all([(budget, windows)], is_backlog=is_backlog, workers=workers, requests=requests)

    def take_all(
        self,
        budgets: Sequence[tuple[str, Sequence[Window]]],
        *,
        is_backlog: bool = False,
        workers: int = 1,
        requests: int = 1,
    ) -> int:
        """The same of several budgets: the request is counted in each of them, or in none."""
        now, share = self._now(), BACKLOG_SHARE if is_backlog else 1.0
        longest, spent = 0, []
        with self._lock:
            for budget, windows in budgets:
                known = self._of(budget)
                if workers > 1:
                    known.part_from_others(windows, now, workers)
                part = share * known.factor_now(now)
                ours = [known.in_force(window, now).for_one_of(workers) for window in windows]
                waits = [known.count(window, now).wait(most(window.requests, part), now) for window in ours]
                longest = max([longest, known.blocked_until - now, *waits])
                widened = [own for own, whole in zip(ours, windows, strict=True) if own.seconds != whole.seconds]
                spent.append((known, [*windows, *widened]))
            if not longest and requests:
                for known, counted in spent:
                    known.add(counted, now)
        return longest

    def note(self, budget: str, windows: Sequence[Window], seen: Sequence[int], *, is_granted: bool) -> None:
        """Remember an answer of Redis: used and limit of each window in turn, and whether it granted a request."""
        now = self._now()
        with self._lock:
            known = self._of(budget)
            for window, used, limit in zip(windows, seen[::2], seen[1::2], strict=True):
                known.seen[window.seconds] = (used, limit)
                known.totals.setdefault(window.seconds, Count(window)).level(used, now)
            if is_granted:
                known.add(windows, now)

    def block(self, budget: str, wait: timedelta) -> None:
        now = self._now()
        with self._lock:
            known = self._of(budget)
            if known.blocked_until <= now:
                known.factor = max(LEAST_FACTOR, known.factor_now(now) * FACTOR_OF_A_429)
                known.factor_at = now
            known.blocked_until = max(known.blocked_until, now + round(wait.total_seconds() * 1000))

    def blocked(self, budget: str) -> int:
        """Milliseconds for which this process has been told to keep away."""
        known = self._budgets.get(budget)
        return max(known.blocked_until - self._now(), 0) if known else 0

    def publish(self, budget: str, window: Window, requests: int) -> None:
        """The provider's own limit, good for an hour."""
        with self._lock:
            self._of(budget).limits[window.seconds] = (requests, self._now() + PUBLISHED_FOR)

    def count_others(self, budget: str, window: Window, spent: int, reset: int) -> None:
        """The provider has counted so many; what is not ours is somebody else's, for `reset` milliseconds."""
        now = self._now()
        with self._lock:
            known = self._of(budget)
            count = known.count(window, now)
            if others := used_by_others(known.in_force(window, now).requests, count.used, spent):
                count.add(count.slot_at(now, forgotten_after=reset), others)

    def used(self, budget: str, windows: Sequence[Window]) -> list[tuple[int, int]]:
        """(used, limit) of each window."""
        now = self._now()
        with self._lock:
            known = self._budgets.get(budget) or Budget()
            return [(known.count(window, now).used, known.in_force(window, now).requests) for window in windows]

    def seen(self, budget: str, seconds: int) -> tuple[int, int] | None:
        """What Redis last said of a window: used, limit."""
        known = self._budgets.get(budget)
        return known.seen.get(seconds) if known else None

    def forget(self) -> None:
        """Start with empty counters."""
        with self._lock:
            self._budgets.clear()

    def _now(self) -> int:
        return int(self._clock() * 1000)

    def _of(self, budget: str) -> Budget:
        known = self._budgets.get(budget)
        if known is None:
            self._tidy()
            known = self._budgets[budget] = Budget()
        return known

    def _tidy(self) -> None:
        """Now and then, drop budgets that nobody has used for long."""
        now = self._now()
        if len(self._budgets) <= TIDY_ABOVE or now < self._tidied_at + TIDY_EVERY:
            return
        self._tidied_at = now
        for name, known in list(self._budgets.items()):
            longest = max(known.counts, default=60) * 1000
            if max(known.used_at + longest * IDLE_AFTER, known.blocked_until) < now:
                del self._budgets[name]
