"""Outcome of what somebody asked for, in one shape for Python, the command line, HTTP and the admin.

*success*: the provider did it, or took it. *failure*: the provider, or a rule of ours, said no, and will say it again.
*error*: it could not be learnt; `is_known` is False where it may have been done all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Word = Literal["success", "failure", "error"]
SUCCESS: Word = "success"
FAILURE: Word = "failure"
ERROR: Word = "error"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: a code for programs, words for people, and where in the input it is (a JSON pointer)."""

    code: str
    detail: str
    title: str = ""
    pointer: str = ""
    id: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of it, in a sentence (`reason`), with what was read or made (`data`) and what to know besides."""

    outcome: Word | None  # None while it is under way
    reason: str = ""
    data: Any = None
    errors: Sequence[Problem] = ()
    warnings: Sequence[Problem] = ()
    request_ids: Sequence[str] = ()
    attempts: int = 0
    took_ms: int = 0
    is_known: bool = True

    @property
    def code(self) -> str:
        """The code of what is wrong first; empty for a success."""
        return self.errors[0].code if self.errors else ""

    def document(self) -> dict[str, Any]:
        """As JSON: errors and warnings are arrays of equal length, one for each member of a problem."""
        return {
            "outcome": self.outcome,
            "reason": self.reason,
            "data": self.data,
            "errors": columns(self.errors),
            "warnings": columns(self.warnings),
            "request_ids": list(self.request_ids),
            "attempts": self.attempts,
            "took_ms": self.took_ms,
            "is_known": self.is_known,
        }


def columns(problems: Sequence[Problem]) -> dict[str, list[Any]]:
    """Problems as arrays of equal length: `{"id": […], "code": […], "title": […], …}`."""
    names = ("id", "code", "title", "detail", "pointer")
    found: dict[str, list[Any]] = {name: [getattr(problem, name) for problem in problems] for name in names}
    return found | {"meta": [dict(problem.meta) for problem in problems]}


def failure(code: str, sentence: str, *, pointer: str = "", data: Any = None) -> Outcome:
    """A no of our own, with one problem."""
    return Outcome(FAILURE, sentence, data, (Problem(code, sentence, pointer=pointer),))


def error(code: str, sentence: str, *, data: Any = None, is_known: bool = True) -> Outcome:
    """What could not be learnt, for one reason."""
    return Outcome(ERROR, sentence, data, (Problem(code, sentence),), is_known=is_known)
