"""Rate-limit windows, and the arithmetic that the sliding-window counters in memory and in Redis share.

A window is counted in slots. A request is forgotten when its slot is `kept` slots old: never before the window's
length and the spread are over, and at most one slot later.
"""

import math
from dataclasses import dataclass
from functools import cached_property

SLOTS = 480
NARROWEST = 50  # milliseconds of a slot
SPREAD = 250  # milliseconds by which two requests may arrive closer together than they were granted
SPREAD_OF_A_SECOND = 950  # generous, as every published limit of a minute is reached with half that of a second
ONE_OF = 300  # requests of a limit is left for stragglers, which the spread does not cover

BACKLOG_SHARE = 0.85  # the rest is for what has just happened
CAUTIOUS_SHARE = 0.5  # after the counters were lost
CAUTIOUS_FOR = 60_000
LEAST_FACTOR = 0.3
FACTOR_OF_A_429 = 0.7
RECOVERY_A_MINUTE = 0.05
NOT_WORTH_TELLING = 0.02  # of a limit: how far our count and the provider's may differ
LEFT_TO_US = 0.1  # of a limit, whatever a header says that others have used
PUBLISHED_FOR = 3_600_000


@dataclass(frozen=True)
class Window:
    """At most `requests` in any `seconds`."""

    requests: int
    seconds: int

    @cached_property
    def length(self) -> int:
        return self.seconds * 1000

    @cached_property
    def width(self) -> int:
        """Of a slot, in milliseconds."""
        return max(NARROWEST, self.length // SLOTS)

    @cached_property
    def kept(self) -> int:
        """For how many slots a request counts, its own among them."""
        spread = SPREAD_OF_A_SECOND if self.seconds <= 1 else SPREAD
        return 1 + math.ceil((self.length + spread) / self.width)

    def for_one_of(self, workers: int) -> "Window":
        """What one of so many workers may use when they do not know of each other."""
        if self.requests >= workers:
            return Window(self.requests // workers, self.seconds)
        return Window(1, self.seconds * math.ceil(workers / self.requests))


def most(requests: int, share: float) -> int:
    """The requests that a share of a limit allows; at least one."""
    return max(1, math.floor((requests - requests // ONE_OF) * share + 1e-9))


def recovered(factor: float, milliseconds: float) -> float:
    """A factor that a 429 has lowered, so much later."""
    return min(1.0, factor + RECOVERY_A_MINUTE * max(milliseconds, 0) / 60_000)


def used_by_others(requests: int, ours: int, spent: int) -> int:
    """What a provider has counted and we have not, as far as it is worth telling."""
    if spent - ours <= requests * NOT_WORTH_TELLING:
        return 0
    return max(min(spent, requests - most(requests, LEFT_TO_US)) - ours, 0)
