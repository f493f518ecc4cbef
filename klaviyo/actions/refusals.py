"""Refusals: what a rule of ours says no to."""

from collections.abc import Collection
from typing import Any

from integrations.api.outcome import Problem


class Refused(Exception):
    """A rule of ours says no: a failure, with a code, a sentence, and where in the input it is."""

    def __init__(self, code: str, sentence: str, *, pointer: str = "", data: Any = None) -> None:
        super().__init__(sentence)
        self.problem = Problem(code, sentence, pointer=pointer)
        self.data = data


class OfPeople(Refused):
    """It says no to some people alone, by the names that they have in the request: the others may go without them."""

    def __init__(self, code: str, sentence: str, names: Collection[str]) -> None:
        super().__init__(code, sentence)
        self.names = frozenset(names)
