"""Charts as geometry: numbers in, rectangles and labels out; the template draws them as SVG."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

WIDTH, HEIGHT = 520, 210
LEFT, TOP, FLOOR = 56, 12, 180
GAP = 0.36  # of a column's width
ROOM = 24  # half a label
LEAST = 2.0  # a bar of one among thousands can still be seen


@dataclass(frozen=True)
class Hour:
    """Counts of the deliveries settled within one hour, or one day; `is_known` unless they are yet to be counted."""

    starts_at: datetime
    delivered: int = 0
    held_back: int = 0
    failed: int = 0
    is_known: bool = True

    @property
    def total(self) -> int:
        return self.delivered + self.held_back + self.failed


@dataclass(frozen=True)
class Bar:
    kind: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Column:
    """One hour: its bars from the floor up, the area that reacts to the pointer, and its words."""

    hour: Hour
    x: float
    width: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Mark:
    """A label, and where it stands."""

    place: float
    text: str


@dataclass(frozen=True)
class Chart:
    columns: tuple[Column, ...]
    ticks: tuple[Mark, ...]
    labels: tuple[Mark, ...]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    floor: int = FLOOR

    @property
    def is_empty(self) -> bool:
        return not any(column.bars for column in self.columns)

    @property
    def drawn_height(self) -> int:
        return self.floor - self.top


def per_hour(hours: Sequence[Hour]) -> Chart:
    """Stacked columns, one per hour, over an axis that ends at a round number."""
    return _stacked(hours, _every_sixth)


def per_day(days: Sequence[Hour]) -> Chart:
    """The same of days."""
    return _stacked(days, _every_seventh)


def _stacked(hours: Sequence[Hour], labels: Callable[[Sequence[Hour], float], list[Mark]]) -> Chart:
    steps = axis(max((hour.total for hour in hours), default=0))
    scale = (FLOOR - TOP) / steps[-1]
    slot = (WIDTH - LEFT) / max(len(hours), 1)
    return Chart(
        columns=tuple(_column(hour, LEFT + index * slot, slot, scale) for index, hour in enumerate(hours)),
        ticks=tuple(Mark(round(FLOOR - step * scale, 1), _short(step)) for step in steps),
        labels=tuple(labels(hours, slot)),
    )


def axis(most: int, steps: int = 4) -> list[int]:
    """Round numbers from nought to at least `most`: 1, 2 or 5 times a power of ten apart."""
    rough = max(most, steps) / steps
    power = 10 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    return [step * number for number in range(math.ceil(max(most, 1) / step) + 1)]


def _column(hour: Hour, x: float, slot: float, scale: float) -> Column:
    bars, y = [], float(FLOOR)
    for kind, count in (("ok", hour.delivered), ("skip", hour.held_back), ("fail", hour.failed)):
        if count:
            height = max(count * scale, LEAST)
            y -= height
            bars.append(
                Bar(kind, round(x + slot * GAP / 2, 1), round(y, 1), round(slot * (1 - GAP), 1), round(height, 1))
            )
    return Column(hour, round(x, 1), round(slot, 1), tuple(bars))


def _short(step: int) -> str:
    return f"{step // 1000:,}k" if step >= 10_000 else f"{step:,}"


def _every_sixth(hours: Sequence[Hour], slot: float) -> list[Mark]:
    """Every sixth hour by its time; midnight by its date, so that the two days cannot be confused."""
    marks = []
    for index, hour in enumerate(hours):
        place = LEFT + (index + 0.5) * slot
        starts_at = timezone.localtime(hour.starts_at)
        if starts_at.hour % 6 == 0 and place < WIDTH - ROOM:
            text = f"{starts_at:%H:%M}" if starts_at.hour else f"{starts_at.day} {starts_at:%b}"
            marks.append(Mark(round(place, 1), text))
    return marks


def _every_seventh(days: Sequence[Hour], slot: float) -> list[Mark]:
    """Every seventh day by its date, the last one among them."""
    marks = []
    for index in range(len(days) - 1, -1, -7):
        at = days[index].starts_at
        place = min(LEFT + (index + 0.5) * slot, WIDTH - ROOM)
        marks.append(Mark(round(place, 1), f"{at.day} {at:%b}"))
    return marks[::-1]
