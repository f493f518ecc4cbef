"""Parts of what many people are about: requests one after the other, and who is left out of them."""

from typing import Any

from integrations.api.outcome import Problem
from integrations.errors import IntegrationError
from klaviyo.actions.task import Refused, Task

LARGEST = 4_500_000  # bytes of one request


def go_on(task: Task, operation: str, body: Any, done: int) -> Any:
    """One of several requests; where it fails it is said how many had gone before."""
    try:
        return task.call(operation, body=body).data
    except (Refused, IntegrationError):
        if done:
            task.warn("partly_accepted", f"The first {done} were accepted before.", accepted=done)
        raise


def leave_out(task: Task, at: int, code: str, sentence: str) -> None:
    task.warnings.append(Problem(code, sentence, pointer=f"/profiles/{task.guard.place('profiles', at)}"))
