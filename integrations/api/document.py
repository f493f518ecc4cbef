"""The API's own document, OpenAPI 3.1, made once per process from what each part of the product describes of itself.

It takes any token that is alive: it holds no data, but who has nothing to do here need not read it.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from http import HTTPStatus
from typing import Any, Literal

from django.conf import settings
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from integrations.api import registry
from integrations.api.answers import JSON, Answer
from integrations.api.endpoint import MOST_DIGITS, Call, Endpoint
from integrations.api.idempotency import HEADER, KEPT_FOR, REPLAYED

PREFIX = "/api/v1"
PARTS: dict[str, dict[str, Any]] = {
    "connection": {
        "description": "The connection's number, which is in the address of its page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": 10**MOST_DIGITS - 1},
        "example": 1,
    }
}
REF = "#/components/schemas/{model}"
OUTCOME = {"$ref": "#/components/schemas/Outcome"}
WRITING = ("POST", "PUT", "PATCH", "DELETE")

_PART = re.compile(r"\{(\w+)\}")
_COLUMN = {"type": "array", "items": {"type": "string"}}
_PROBLEMS: dict[str, Any] = {
    "type": "object",
    "description": "Arrays of equal length: what is at one place in each belongs together.",
    "properties": {
        **dict.fromkeys(("id", "code", "title", "detail", "pointer"), _COLUMN),
        "meta": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["id", "code", "title", "detail", "pointer", "meta"],
    "additionalProperties": False,
}
SCHEMAS: dict[str, Any] = {
    "Outcome": {
        "type": "object",
        "description": "What became of it. success: it was done or taken. failure: no, and the same again is the same "
        "no. error: it could not be learnt; is_known is false where it may have been done all the same.",
        "properties": {
            "outcome": {"enum": ["success", "failure", "error", None], "description": "null while it is under way."},
            "reason": {"type": "string", "description": "In a sentence."},
            "data": {"description": "What was read or made."},
            "errors": {"$ref": "#/components/schemas/Problems"},
            "warnings": {"$ref": "#/components/schemas/Problems"},
            "request_ids": _COLUMN,
            "attempts": {"type": "integer", "minimum": 0},
            "took_ms": {"type": "integer", "minimum": 0},
            "is_known": {"type": "boolean"},
        },
        "required": [
            "outcome",
            "reason",
            "data",
            "errors",
            "warnings",
            "request_ids",
            "attempts",
            "took_ms",
            "is_known",
        ],
        "additionalProperties": False,
    },
    "Problems": _PROBLEMS,
}
_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
_CHALLENGE = {"WWW-Authenticate": {"schema": {"type": "string"}}}
HEADERS: dict[int, dict[str, Any]] = {
    401: _CHALLENGE,
    403: _CHALLENGE,
    429: _AFTER,
    503: _AFTER,
}
SAID: dict[int, str] = {
    400: "The body, a header, a part of the path or a query parameter cannot be read.",
    401: "There is no token, or it is not alive.",
    403: "The token is not for this connection, or may not do this.",
    404: "There is nothing at this address.",
    409: "The idempotency key was used for another call, the call is under way, or it broke off.",
    413: "The body is too large.",
    415: "The body has another content type.",
    422: "Fields are wrong: errors.pointer says which.",
    429: "The token's calls for this minute are used up.",
    500: "A fault of ours.",
    503: "Our database does not answer.",
}
OF_ALL = (400, 401, 403, 404, 429, 500, 503)
OF_BODIES = (413, 415, 422)


@dataclass(frozen=True)
class Described:
    """One line of the document: an address and method, what it takes and what it answers.

    `model` is the JSON body, `bodies` are other ones by content type (a schema each), `answers` what it answers with
    beside the outcome (a schema of `data`, or words). `examples` are bodies by name. `extensions` begin with `x-`.
    """

    path: str
    method: str
    summary: str
    model: type[BaseModel] | None = None
    answers: Mapping[int, Mapping[str, Any] | str] = field(default_factory=dict)
    tags: Sequence[str] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)
    examples: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    operation_id: str = ""
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    parameters: Sequence[Mapping[str, Any]] = ()
    takes_key: bool | None = None  # None: when it writes
    may_take_long: bool = False
    is_outcome: bool = True  # False: 200 is a document of its own, by `answers`

    @property
    def name(self) -> str:
        return self.operation_id or re.sub(r"\W+", "_", f"{self.method.lower()}{self.path}").strip("_")


def build(lines: Iterable[Described], *, server: str = "") -> dict[str, Any]:
    """The document of these lines."""
    lines = list(lines)
    models: list[tuple[type[BaseModel], Literal["validation"]]] = [
        (model, "validation") for model in dict.fromkeys(line.model for line in lines) if model
    ]
    refs, defined = models_json_schema(models, ref_template=REF) if models else ({}, {})
    schemas = {**deepcopy(SCHEMAS), **defined.get("$defs", {})}
    paths: dict[str, dict[str, Any]] = {}
    for line in lines:
        body = refs[(line.model, "validation")] if line.model else None
        paths.setdefault(PREFIX + line.path, {})[line.method.lower()] = _operation(line, body)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Sorae", "version": "1", "description": "Calls take a token of the page API tokens."},
        "servers": [{"url": server or "/"}],
        "security": [{"token": []}],
        "tags": [{"name": tag} for tag in sorted({tag for line in lines for tag in line.tags})],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "Bearer sorae_…"}},
        },
    }


@cache
def _built(parts: tuple[str, ...], server: str) -> dict[str, Any]:  # noqa: ARG001  (made anew when there are others)
    return build(registry.described(), server=server)


def endpoints() -> list[Endpoint]:
    return [Endpoint("GET", "/openapi.json", _show)]


def described() -> list[Described]:
    answer = {"type": "object", "description": "An OpenAPI 3.1 document."}
    return [Described("/openapi.json", "GET", "This document", answers={200: answer}, is_outcome=False, tags=("API",))]


def _show(_call: Call) -> Answer:
    return Answer(document=_built(tuple(registry.parts()), settings.SITE_URL))


def _operation(line: Described, body: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": line.name,
        "summary": line.summary,
        "description": line.description,
        "tags": list(line.tags),
        "parameters": _parameters(line),
        "responses": {str(status): answer for status, answer in sorted(_responses(line).items())},
        **line.extensions,
    }
    content: dict[str, Any] = {JSON: {"schema": body}} if body else {}
    if content and line.examples:
        content[JSON]["examples"] = {name: {"value": value} for name, value in line.examples.items()}
    content |= {kind: {"schema": schema} for kind, schema in line.bodies.items()}
    if content:
        found["requestBody"] = {"required": True, "content": content}
    return {name: value for name, value in found.items() if value not in ("", [])}


def _parameters(line: Described) -> list[Any]:
    found: list[Any] = [
        {"name": name, "in": "path", "required": True, **PARTS.get(name, {"schema": {"type": "string"}})}
        for name in _PART.findall(line.path)
    ]
    found += line.parameters
    if _takes_key(line):
        found.append(
            {
                "name": HEADER,
                "in": "header",
                "description": "The same key with the same call is answered once more, for "
                f"{KEPT_FOR.total_seconds() / 3600:g} hours, and done once.",
                "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$", "minLength": 1, "maxLength": 255},
            }
        )
    if line.may_take_long:
        words = "respond-async: answer at once with 202, and go on."
        found.append({"name": "Prefer", "in": "header", "description": words, "schema": {"type": "string"}})
    return found


def _responses(line: Described) -> dict[int, Any]:
    statuses = [*OF_ALL, *(OF_BODIES if line.model or line.bodies else ()), *((409,) if _takes_key(line) else ())]
    found: dict[int, Any] = {status: _response(status, SAID[status], OUTCOME) for status in statuses}
    found[200] = _response(200, "What became of it.", OUTCOME)
    if line.may_take_long:
        found[202] = _response(202, "It goes on; Location leads to it.", OUTCOME)
        found[202]["headers"] = {"Location": {"schema": {"type": "string"}}}
    for status, said in line.answers.items():
        found[status] = _told(line, status, said)
    if _takes_key(line):
        for status in (200, 202):
            if status in found:
                found[status].setdefault("headers", {})[REPLAYED] = {"schema": {"const": "true"}}
    return found


def _told(line: Described, status: int, said: Mapping[str, Any] | str) -> dict[str, Any]:
    if isinstance(said, str):
        return _response(status, said, OUTCOME)
    if not line.is_outcome and status < 300:
        return _response(status, str(said.get("description", "")), said)
    data = {"properties": {"data": {"anyOf": [said, {"type": "null"}]}}}
    return _response(status, str(said.get("description", "")), {"allOf": [OUTCOME, data]})


def _response(status: int, words: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": words or HTTPStatus(status).phrase,
        "content": {JSON: {"schema": dict(schema)}},
    }
    return found | ({"headers": dict(HEADERS[status])} if status in HEADERS else {})


def _takes_key(line: Described) -> bool:
    return line.method in WRITING if line.takes_key is None else line.takes_key
