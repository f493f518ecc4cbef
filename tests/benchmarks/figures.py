"""Figures, their marks, and how they are told: one JSON line for a machine, sentences for people."""

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

SEED = 20_261_121
_began_at = monotonic()


@dataclass(frozen=True)
class Figure:
    """One number; with a mark it must be at least, at most or exactly so much."""

    name: str
    value: float
    must_be: Literal["at least", "at most", "exactly"] | None = None
    mark: float = 0.0

    @property
    def is_reached(self) -> bool:
        checks = {"at least": self.value >= self.mark, "at most": self.value <= self.mark}
        return self.must_be is None or checks.get(self.must_be, self.value == self.mark)

    @property
    def limit(self) -> str:
        return f"{self.must_be} {short(self.mark)}" if self.must_be else ""


def line(name: str, figures: Iterable[Figure]) -> str:
    """One benchmark's outcome in JSON."""
    told = list(figures)
    outcome: dict[str, Any] = {
        "name": name,
        "figures": {figure.name: round(figure.value, 3) for figure in told},
        "seed": SEED,
        "limit": {figure.name: figure.limit for figure in told if figure.must_be},
        "missed": [figure.name for figure in told if not figure.is_reached],
        "passed": all(figure.is_reached for figure in told),
    }
    return json.dumps(outcome, ensure_ascii=False)


def short(number: float) -> str:
    """As a person writes it: 1,234 or 0.97."""
    return f"{number:,.0f}" if number == int(number) or abs(number) >= 1_000 else f"{number:,.4g}"


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of all does not exceed; not a number where there is none."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else math.nan


def say(sentence: str) -> None:
    """Progress, for people."""
    print(f"{monotonic() - _began_at:7.1f} s  {sentence}", file=sys.stderr, flush=True)
