"""Refusals: calls that are answered before their work begins, each with its status and in the shape of an outcome."""

from collections.abc import Mapping

from integrations.api.outcome import ERROR, FAILURE, Outcome, Problem


class Refused(Exception):
    """Answer this instead: a status, an outcome, and headers that go with it."""

    def __init__(self, status: int, outcome: Outcome, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(outcome.code)
        self.status = status
        self.outcome = outcome
        self.headers = dict(headers or {})


def refused(
    status: int, code: str, sentence: str, *, headers: Mapping[str, str] | None = None, **meta: object
) -> Refused:
    """With one problem. What is worth another try as it is (a 429, a 503) is an error, all else a failure."""
    word = ERROR if status in (429, 500, 503) else FAILURE
    return Refused(status, Outcome(word, sentence, errors=(Problem(code, sentence, meta=meta),)), headers)
