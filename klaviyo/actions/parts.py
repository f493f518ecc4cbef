"""Parts of what many people are about: requests one after the other, and who is left out of them."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from integrations.api.outcome import Problem
from integrations.errors import IntegrationError, PermanentError
from klaviyo.actions import jobs
from klaviyo.actions.refusals import OfPeople
from klaviyo.actions.task import Refused, Task
from klaviyo.api import answers
from klaviyo.api.answers import Answer

LARGEST = 4_500_000  # bytes of one request
MOST_REFUSALS = 10  # of one part; then it is not some odd people whom Klaviyo refuses

Placed = tuple[int, Any]  # what is sent of somebody, with the place where they stand in the input
Sent = list[tuple[list[Placed], Answer]]
Instead = Callable[[Any], tuple[str, str, Any] | None]  # a code and a sentence for what is sent of somebody instead

_PLACE = re.compile(r"/profiles/data/(\d+)(?:/|\Z)")


def send(
    task: Task,
    operation: str,
    name: str,
    items: Sequence[Placed],
    body: Callable[[list[Any]], Any],
    *,
    most: int,
    largest: int = LARGEST,
    instead: Instead = lambda _: None,
) -> Sent:
    """Make as few requests as Klaviyo's limits allow; each answer, with who was in its request.

    `name` is the input's field that they stand in. Who is refused by now, or whom Klaviyo points at when it refuses the
    whole of a request, is left out with a warning, and the others go; `instead` may know what to send of somebody then.
    Raises Refused where nobody is left; where a request fails it is said how many had gone before.
    """
    sent: Sent = []
    left: list[Problem] = []
    refused: OfPeople | None = None
    try:
        for part in jobs.parts(items, most, largest):
            going: list[Placed] = part
            refusals = 0
            while going:
                try:
                    answer = task.call(operation, body=body([item for _, item in going]))
                except OfPeople as problem:
                    refused, going = problem, _without(task, name, going, problem, left)
                except PermanentError as problem:
                    refusals += 1
                    if refusals > MOST_REFUSALS:
                        raise
                    going = _without_odd(task, name, going, problem, left, instead)
                else:
                    sent.append((going, answer))
                    break
    except (Refused, IntegrationError):
        task.warnings.extend(left)
        if done := count(sent):
            task.warn("partly_accepted", f"The first {done} were accepted before.", accepted=done)
        raise
    if refused and not sent:
        raise refused
    task.warnings.extend(left)
    return sent


def count(sent: Sent) -> int:
    """How many of the items have gone."""
    return sum(len(items) for items, _ in sent)


def leave_out(task: Task, at: int, code: str, sentence: str) -> None:
    task.warnings.append(_problem(task, "profiles", at, code, sentence))


def _without(task: Task, name: str, going: list[Placed], refused: OfPeople, left: list[Problem]) -> list[Placed]:
    """Those who are not refused. Raises it where it is about none of them."""
    rest = [one for one in going if not task.guard.names_of(one[1]) & refused.names]
    if len(rest) == len(going):
        raise refused
    stay = {at for at, _ in rest}
    problem = refused.problem
    left.extend(_problem(task, name, at, problem.code, problem.detail) for at, _ in going if at not in stay)
    return rest


def _without_odd(
    task: Task, name: str, going: list[Placed], error: PermanentError, left: list[Problem], instead: Instead
) -> list[Placed]:
    """Those at whom Klaviyo does not point. Raises the error where nobody is left, or it points at something else.

    One odd item of a batch costs the whole of it, and each is pointed at by its place (seen live).
    """
    pointers = [_PLACE.search(answers.pointer(detail)) for detail in error.details]
    words = {int(found[1]): detail for found, detail in zip(pointers, error.details, strict=True) if found}
    if not words or not all(pointers) or max(words) >= len(going):
        raise error
    rest: list[Placed] = []
    news: list[Problem] = []
    for place, (at, item) in enumerate(going):
        said = answers.words(words.get(place, {}).get("detail"))
        if place not in words:
            rest.append((at, item))
        elif other := instead(item):
            code, sentence, less = other
            rest.append((at, less))
            news.append(_problem(task, name, at, code, f"{sentence} {said}".strip()))
        else:
            news.append(_problem(task, name, at, error.code, f"Klaviyo refuses it: {said}"))
    if not rest:
        raise error
    left.extend(news)
    return rest


def _problem(task: Task, name: str, at: int, code: str, sentence: str) -> Problem:
    return Problem(code, sentence, pointer=f"/{name}/{task.guard.place(name, at)}")
