"""Sliding-window counters of one rate-limit budget in this process, in slots."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from integrations.pacing.windows import Window, recovered


class Count:
    """A sliding window: how many requests each slot saw, as far as they still count against the limit."""

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
        """Take over a total: requests that are new came just now, requests that are gone were the oldest."""
        self.settle(now)
        if used > self.used:
            self.add(now // self.width, used - self.used)
        for slot in sorted(self.slots) if used < self.used else ():
            gone = min(self.slots[slot], self.used - used)
            self.slots[slot] -= gone
            self.used -= gone

    def slot_at(self, now: int, *, forgotten_after: int) -> int:
        """The slot that is forgotten after so many milliseconds; at the latest, the present one."""
        return min((now + forgotten_after) // self.width - self.kept + 1, now // self.width)

    def wait(self, most: int, now: int) -> int:
        """Milliseconds until fewer than `most` requests count."""
        excess = self.used - most + 1
        for slot in sorted(self.slots) if excess > 0 else ():
            excess -= self.slots[slot]
            if excess <= 0:
                return max((slot + self.kept) * self.width - now, 1)
        return 0


@dataclass
class Budget:
    """What one process knows of a budget, by the seconds of each window.

    `counts` are its own requests, `totals` those of all workers as far as Redis has said, `limits` what the provider
    has published (requests, until when that holds), `seen` what Redis last answered (used, limit). `factor` is the
    share of the rate that a 429 has left.
    """

    counts: dict[int, Count] = field(default_factory=dict)
    totals: dict[int, Count] = field(default_factory=dict)
    limits: dict[int, tuple[int, int]] = field(default_factory=dict)
    seen: dict[int, tuple[int, int]] = field(default_factory=dict)
    blocked_until: int = 0
    factor: float = 1.0
    factor_at: int = 0
    used_at: int = 0

    def count(self, window: Window, now: int) -> Count:
        count = self.counts.setdefault(window.seconds, Count(window))
        count.settle(now)
        return count

    def add(self, windows: Sequence[Window], now: int) -> None:
        """Count one request of this process in each window."""
        self.used_at = now
        for window in windows:
            self.count(window, now).add(now // window.width)

    def part_from_others(self, windows: Sequence[Window], now: int, workers: int) -> None:
        """Redis is away: count a share of the requests that others had made when it last answered as if they were ours.

        When every worker does so, all of them together keep to the limit while each goes on with its own share.
        """
        for window in windows:
            self.seen.pop(window.seconds, None)
            count, total = self.count(window, now), self.totals.pop(window.seconds, Count(window))
            total.settle(now)
            if (others := total.used - count.used) > 0:
                count.add(now // window.width, math.ceil(others / workers))

    def in_force(self, window: Window, now: int) -> Window:
        """The window with the limit that the provider has published, if it has."""
        requests, until = self.limits.get(window.seconds, (0, 0))
        return Window(requests, window.seconds) if until > now else window

    def factor_now(self, now: int) -> float:
        return recovered(self.factor, now - self.factor_at)
