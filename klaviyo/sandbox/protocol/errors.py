"""JSON:API errors that Klaviyo answers with."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from klaviyo.sandbox.http.wire import JSON_API, Reply, json_reply


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a request; `pointer` is into the body, `parameter` names a query parameter."""

    status: int
    code: str
    title: str
    detail: str
    pointer: str | None = None
    parameter: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        source: dict[str, str] = {}
        if self.pointer is not None:
            source["pointer"] = self.pointer
        if self.parameter is not None:
            source["parameter"] = self.parameter
        return {
            "id": str(uuid.uuid4()),
            "status": self.status,
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "source": source,
            "links": {},
            "meta": dict(self.meta),
        }


class Refusal(Exception):
    """The request is refused for these reasons; nothing of it is done."""

    def __init__(self, *problems: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(problem.detail for problem in problems))
        self.problems = problems
        self.headers = dict(headers or {})

    def reply(self) -> Reply:
        return errors_reply(self.problems).with_headers(self.headers)


def errors_reply(problems: Iterable[Problem]) -> Reply:
    listed = list(problems)
    return json_reply(listed[0].status, {"errors": [one.document() for one in listed]}, JSON_API)


def invalid(detail: str, pointer: str) -> Problem:
    return Problem(400, "invalid", "Invalid input.", detail, pointer=pointer)


def invalid_parameter(detail: str, parameter: str) -> Problem:
    return Problem(400, "invalid", "Invalid input.", detail, parameter=parameter)


def not_found(kind: str, identity: str) -> Problem:
    return Problem(404, "not_found", "Not found.", f"A {kind} with id {identity} does not exist.")


def missing_scopes(scopes: Iterable[str]) -> Problem:
    needed = ", ".join(scopes)
    detail = f"Your token is missing required scopes for this operation: {needed}"
    return Problem(403, "permission_denied", "You do not have permission to perform this action.", detail)


def bad_credential() -> Problem:
    detail = "Incorrect authentication credentials."
    return Problem(401, "authentication_failed", detail, "Invalid or expired access token.")


def throttled(seconds: int) -> Problem:
    detail = f"Request was throttled. Expected available in {seconds} second{'' if seconds == 1 else 's'}."
    return Problem(429, "throttled", "Request was throttled.", detail)
