"""Refusals of the command line: what was typed cannot be used, a line for each field, and nothing was asked."""

from collections.abc import Iterable


class Unusable(Exception):
    """What was typed cannot be used; each line says where and what to do, and repeats no value."""

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines = list(lines)

    @classmethod
    def of(cls, lines: Iterable[str]) -> "Unusable":
        return cls(*lines)
