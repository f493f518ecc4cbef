"""Time ranges to read events back by: near times share a range, as long as earlier answers made worthwhile."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

SHORTEST, LONGEST = timedelta(seconds=1), timedelta(days=1)


@dataclass
class TimeRanges:
    """`gap` is how far apart two events of one range may be; it grows and shrinks as `note` tells how it went."""

    gap: timedelta = timedelta(minutes=1)

    def over(self, times: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
        """From the first to the last of each group of the times, which are in order."""
        start = 0
        while start < len(times):
            end = start + 1
            while end < len(times) and times[end] - times[end - 1] <= self.gap:
                end += 1
            yield times[start], times[end - 1]
            start = end

    def note(self, *, is_small: bool, is_worth_it: bool) -> None:
        """A range that fitted into one answer may be longer; one full of what nobody looks for was too long."""
        if is_small:
            self.gap = min(self.gap * 2, LONGEST)
        elif not is_worth_it:
            self.gap = max(self.gap / 8, SHORTEST)
