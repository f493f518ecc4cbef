"""JSON:API errors that Klaviyo answers with, member for member as they were seen.

A request's errors bear its id. Those about access and about what is not there have nothing but a place, `/data/`.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from klaviyo.sandbox.http.wire import JSON_API, Reply, json_reply

REQUEST_ID = "x-klaviyo-req-id"
_BARE = (401, 403, 404)
_WITHOUT_A_PLACE = (*_BARE, 429)
_LIMITS = "https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling#rate-limits"


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

    def document(self, request_id: str) -> dict[str, Any]:
        source: dict[str, str] = {"pointer": "/data/"} if self.status in _WITHOUT_A_PLACE else {}
        if self.pointer is not None:
            source["pointer"] = self.pointer
        if self.parameter is not None:
            source["parameter"] = self.parameter
        document: dict[str, Any] = {
            "id": request_id,
            "status": self.status,
            "code": self.code,
            "title": self.title,
            "detail": self.detail,
            "source": source,
        }
        if self.status in _BARE and not self.meta:
            return document
        return {**document, "links": {"type": _LIMITS} if self.status == 429 else {}, "meta": dict(self.meta)}


class Refusal(Exception):
    """The request is refused for these reasons; nothing of it is done."""

    def __init__(self, *problems: Problem, headers: Mapping[str, str] | None = None) -> None:
        super().__init__("; ".join(problem.detail for problem in problems))
        self.problems = problems
        self.headers = dict(headers or {})

    def reply(self) -> Reply:
        return errors_reply(self.problems).with_headers(self.headers)


def errors_reply(problems: Iterable[Problem]) -> Reply:
    listed, request_id = list(problems), str(uuid.uuid4())
    document = {"errors": [one.document(request_id) for one in listed]}
    return json_reply(listed[0].status, document, JSON_API).with_headers({REQUEST_ID: request_id})


def invalid(detail: str, pointer: str) -> Problem:
    return Problem(400, "invalid", "Invalid input.", detail, pointer=pointer)


def invalid_parameter(detail: str, parameter: str) -> Problem:
    return Problem(400, "invalid", "Invalid input.", detail, parameter=parameter)


def not_found(kind: str, identity: str) -> Problem:
    return Problem(404, "not_found", "Not found.", f"A {kind} with id {identity} does not exist.")


def missing_scopes(scopes: Iterable[str], *, of_a_key: bool = False) -> Problem:
    needed = ", ".join(scopes)
    detail = f"Your {'API key' if of_a_key else 'token'} is missing required scopes for this operation: {needed}"
    return Problem(403, "permission_denied", "You do not have permission to perform this action.", detail)


def forbidden() -> Problem:
    title = "You do not have permission to perform this action."
    return Problem(403, "forbidden", title, "This account may not do this.")


def not_entitled() -> Problem:
    """What an account without a certain product is told; the code is that of a missing scope."""
    title = "You do not have permission to perform this action."
    return Problem(403, "permission_denied", title, "You must have Advanced KDP enabled to use this endpoint.")


def bad_credential() -> Problem:
    """Of a bearer token."""
    detail = "Incorrect authentication credentials."
    return Problem(401, "authentication_failed", detail, detail)


def no_credential() -> Refusal:
    """Of a request without one, and of a private key that is none."""
    title = "Authentication credentials were not provided."
    detail = "Missing or invalid authorization scheme. Please use Bearer or Klaviyo-API-Key."
    challenge = {"WWW-Authenticate": "Bearer, Klaviyo-API-Key"}
    return Refusal(Problem(401, "not_authenticated", title, detail), headers=challenge)


def throttled(seconds: int) -> Problem:
    detail = f"Request was throttled. Expected available in {seconds} second{'' if seconds == 1 else 's'}."
    return Problem(429, "throttled", "Request was throttled.", detail)
