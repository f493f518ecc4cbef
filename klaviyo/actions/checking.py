"""Checking of an action's input, before anything is sent: all fields at once, in words for people."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from integrations.api import reading as problems_of
from integrations.api.outcome import Outcome, Problem
from klaviyo.actions import reading
from klaviyo.actions.declaration import Action
from klaviyo.actions.inputs import Inputs, Reading


class BadInput(ValueError):
    """What was given cannot be used: `problems` says where, and what to do."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.pointer or 'input'}: {problem.detail}" for problem in problems))
        self.problems = tuple(problems)

    @property
    def outcome(self) -> Outcome:
        """The failure that tells of it."""
        return problems_of.invalid(self.problems)


def checked(action: Action, values: Mapping[str, Any], *, strict: bool = False) -> Inputs:
    """The input as the action's model. Raises BadInput.

    `strict` takes JSON's own types alone: "true" is no boolean then.
    """
    given = dict(values)
    try:
        if strict:
            made = action.inputs.model_validate_json(json.dumps(given, default=str), strict=True)
        else:
            made = action.inputs.model_validate(given)
    except ValidationError as error:
        raise BadInput(problems_of.problems(error, action.inputs, given)) from None
    must_be_askable(action, made)
    return made


def must_be_askable(action: Action, made: Inputs) -> None:
    """Raises BadInput for fields, filters and orders that its operation does not have."""
    if isinstance(made, Reading) and action.main and (found := list(reading.problems(made, action.main))):
        raise BadInput([Problem("invalid", sentence, pointer=f"/{name}") for name, sentence in found])
