"""Outcomes of a run's errors: what Klaviyo refused is a failure, what could not be learnt an error."""

from typing import Any

from integrations.api.outcome import ERROR, FAILURE, Outcome, Problem
from integrations.errors import IntegrationError, PermanentError
from klaviyo.actions.task import Refused
from klaviyo.api import answers


def of_error(error: IntegrationError, *, data: Any = None) -> Outcome:
    """The outcome of an error of the client, with Klaviyo's own error objects where it sent some."""
    if not isinstance(error, PermanentError):
        return Outcome(ERROR, error.sentence, data, (Problem(error.code, error.sentence),))
    problems = tuple(map(_problem, error.details)) or (Problem(error.code, error.sentence),)
    sentence = error.sentence
    for one in problems:  # where it points stands in the problem
        sentence = sentence.replace(f" {one.pointer}", "") if one.pointer else sentence
    if other := answers.duplicate_of(error):
        data = {"duplicate_profile_id": other}
    return Outcome(FAILURE, sentence, data, problems)


def of_refusal(refused: Refused) -> Outcome:
    """The outcome of a no of our own."""
    return Outcome(FAILURE, refused.problem.detail, refused.data, (refused.problem,))


def _problem(told: dict[str, Any]) -> Problem:
    source = answers.members(told.get("source"))
    return Problem(
        answers.words(told.get("code")) or "refused",
        answers.words(told.get("detail")),
        answers.words(told.get("title")),
        answers.words(source.get("pointer")) or answers.words(source.get("parameter")),
        answers.words(told.get("id")),
        answers.members(told.get("meta")),
    )
