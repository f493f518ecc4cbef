"""Seeded random numbers: the same every time, on every version of Python."""

from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


class Dice:
    """Draws from `Random.random` alone, whose sequence Python promises to keep.

    https://docs.python.org/3/library/random.html#notes-on-reproducibility
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  (a story, not a secret)

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self._random.random()

    def count(self, least: int, most: int) -> int:
        return least + int(self._random.random() * (most - least + 1))

    def one_of(self, items: Sequence[Item]) -> Item:
        return items[int(self._random.random() * len(items))]

    def happens(self, share: float) -> bool:
        return self._random.random() < share
