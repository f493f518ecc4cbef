"""Refusals: what a rule of ours says no to."""

from typing import Any

from integrations.api.outcome import Problem


class Refused(Exception):
    """A rule of ours says no: a failure, with a code, a sentence, and where in the input it is."""

    def __init__(self, code: str, sentence: str, *, pointer: str = "", data: Any = None) -> None:
        super().__init__(sentence)
        self.problem = Problem(code, sentence, pointer=pointer)
        self.data = data
