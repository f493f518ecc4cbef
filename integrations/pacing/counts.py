"""The counters of one budget in this process."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.pacing.windows import Window, recovered


class Count:
    """How many requests each slot of a window saw, as far as they still count."""

    def __init__(self, window: Window) -> None:
        self.width, self.kept = window.width, window.kept
        self.slots: dict[int, int] = {}
        self.used = 0
        self._oldest = 0

    def settle(self, now: int) -> None:
        """Forget what no longer counts."""
        first = now // self.width - self.kept + 1
        if self._oldest < first:
            for slot in [slot for slot in self.slots if slot < first]:
                self.used -= self.slots.pop(slot)
            self._oldest = min(self.slots, default=first)

    def add(self, slot: int, requests: int = 1) -> None:
        self._oldest = min(self._oldest, slot) if self.slots else slot
        self.slots[slot] = self.slots.get(slot, 0) + requests
        self.used += requests

    def level(self, used: int, now: int) -> None:
        """So many are used by now: what is new came just now, what is gone was the oldest."""
        self.settle(now)
        if used > self.used:
            self.add(now // self.width, used - self.used)
        for slot in sorted(self.slots) if used < self.used else ():
            gone = min(self.slots[slot], self.used - used)
            self.slots[slot] -= gone
            self.used -= gone

    def slot_at(self, now: int, *, forgotten_after: int | None = None) -> int:
        """The present slot, or that one which is forgotten after so many milliseconds."""
        if forgotten_after is None:
            return now // self.width
        return min((now + forgotten_after) // self.width - self.kept + 1, now // self.width)

    def wait(self, most: int, now: int) -> int:
        """Milliseconds until fewer than `most` count."""
        excess = self.used - most + 1
        for slot in sorted(self.slots) if excess > 0 else ():
            excess -= self.slots[slot]
            if excess <= 0:
                return max((slot + self.kept) * self.width - now, 1)
        return 0

    def ages(self, now: int) -> list[tuple[int, int]]:
        """(age in milliseconds, requests) of each slot."""
        return [(max(now - (slot + 1) * self.width, 0), requests) for slot, requests in self.slots.items()]


@dataclass
class Untold:
    """Requests, by window, that Redis does not know of. A total is not ours alone: others will tell the same."""

    counts: dict[int, Count] = field(default_factory=dict)
    is_total: bool = False

    def of(self, window: Window) -> Count:
        return self.counts.setdefault(window.seconds, Count(window))

    def merge(self, other: "Untold") -> None:
        self.is_total = other.is_total and (self.is_total or not self.counts)
        for seconds, count in other.counts.items():
            kept = self.of(Window(1, seconds))
            for slot, requests in count.slots.items():
                kept.add(slot, requests)


@dataclass
class Budget:
    """What one process knows of a budget.

    `counts` are its own requests, `totals` those of all workers as far as Redis has said. `memory` names the Redis
    that knows of all these but the `untold`.
    """

    counts: dict[int, Count] = field(default_factory=dict)
    totals: dict[int, Count] = field(default_factory=dict)
    untold: Untold = field(default_factory=Untold)
    limits: dict[int, tuple[int, int]] = field(default_factory=dict)
    seen: dict[int, tuple[int, int]] = field(default_factory=dict)
    memory: int = 0
    blocked_until: int = 0
    factor: float = 1.0
    factor_at: int = 0
    used_at: int = 0

    def count(self, window: Window, now: int) -> Count:
        count = self.counts.setdefault(window.seconds, Count(window))
        count.settle(now)
        return count

    def add(self, windows: Sequence[Window], now: int, *, is_untold: bool) -> None:
        self.used_at = now
        for window in windows:
            self.count(window, now).add(now // window.width)
            if is_untold:
                self.untold.is_total = False
                self.untold.of(window).add(now // window.width)

    def part_from_others(self, windows: Sequence[Window], now: int, workers: int) -> None:
        """Redis is gone: of what others had used when it last answered, a share weighs on us as if it were ours.

        If so does every worker, all of them together do not exceed a limit while they learn to live apart.
        """
        for window in windows:
            self.seen.pop(window.seconds, None)
            count, total = self.count(window, now), self.totals.pop(window.seconds, Count(window))
            total.settle(now)
            if (others := total.used - count.used) > 0:
                count.add(now // window.width, math.ceil(others / workers))

    def all_is_untold(self) -> None:
        """Redis has lost its memory."""
        self.untold = Untold()
        self.untold.merge(Untold(self.totals or self.counts, is_total=bool(self.totals)))

    def in_force(self, window: Window, now: int) -> Window:
        """The window with the limit that the provider has published, if it has."""
        requests, until = self.limits.get(window.seconds, (0, 0))
        return Window(requests, window.seconds) if until > now else window

    def factor_now(self, now: int) -> float:
        return recovered(self.factor, now - self.factor_at)
