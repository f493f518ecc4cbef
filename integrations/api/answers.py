"""Answers: an outcome with its status and headers, and the response of it, which nothing may keep."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import JsonResponse
from django.http.response import HttpResponseBase

from integrations.api.outcome import Outcome

JSON = "application/json"


@dataclass(frozen=True)
class Answer:
    """What is said to a call: an outcome, or a document that is none."""

    outcome: Outcome | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Any = None

    @property
    def body(self) -> Any:
        return self.document if self.outcome is None else self.outcome.document()


def response(answer: Answer) -> HttpResponseBase:
    """Characters beyond ASCII stay escaped, so that no text can break a line of the answer."""
    return JsonResponse(answer.body, status=answer.status, headers=dict(answer.headers), safe=False)


def kept_by_nobody(found: HttpResponseBase) -> HttpResponseBase:
    """Answers may hold people: neither browsers nor proxies are to store them."""
    found["Cache-Control"] = "no-store"
    return found
