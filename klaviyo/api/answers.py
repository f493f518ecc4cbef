"""JSON:API answers and errors of Klaviyo. The status decides first; then Klaviyo's own code; never its text.

| status                    | leads to                                                          |
|---------------------------|-------------------------------------------------------------------|
| documented success        | done, whatever the body, unless the body is what we asked for     |
| other 2xx                 | done if empty or JSON; else an impostor answered: later again     |
| 3xx, 5xx, unknown         | TemporaryError                                                    |
| 429                       | Throttled for as long as Retry-After says                         |
| 405, 410, 415, 426        | OperatorRequired: this version no longer speaks Klaviyo's language |
| 413                       | PermanentError payload_too_large                                  |
| 408, 425; 4xx without Klaviyo's error objects | TemporaryError: somebody else answered on the way |
| 401                       | Unauthorized: renew the access, once                              |
| 403                       | OperatorRequired                                                  |
| other 4xx                 | PermanentError with Klaviyo's code and pointer                    |
"""

import json
import math
from dataclasses import dataclass
from typing import Any

import requests

from integrations import reasons
from integrations.errors import OperatorRequired, PermanentError, TemporaryError, Throttled
from integrations.reasons import Reason, Who, declare, on_the_way
from integrations.wire import http
from klaviyo.api import values
from klaviyo.api.operation import Operation

UNAUTHORIZED = on_the_way(
    "unauthorized",
    "Access renewed",
    "Klaviyo did not accept the access token.",
    because="the access had just ended, and is renewed",
)
EDGE_REFUSED = on_the_way(
    "edge_refused",
    "Turned away",
    "Something before Klaviyo turned the request away ({status}).",
    because="something before Klaviyo turned the request away",
)
SCOPE_MISSING = declare(
    "permission_denied",  # Klaviyo's own code for it
    "Scope missing",
    "Klaviyo asks for a scope that was not granted ({scopes}). Reconnect the account to grant it.",
    because="Klaviyo asks for a permission that was not granted",
    means="When the account was connected, something that this needs was not allowed.",
    who=Who.RECONNECT,
    do="Connect the account again and allow everything that is asked for.",
)
TOO_LARGE = declare(
    "payload_too_large",
    "Too large",
    "Klaviyo refuses it as too large.",
    because="it is too large for Klaviyo",
    means="Klaviyo refuses requests above its size limit.",
    who=Who.DATA,
    do="Shorten the texts of the program's offer.",
)


class Unauthorized(TemporaryError):
    """The access token is no longer accepted."""


class EdgeRefused(TemporaryError):
    """Something on the way did not let the request through; it may dislike what the request says."""


class Unreadable(TemporaryError):
    """An answer that cannot be what was asked for. Nobody and nothing may be taken for missing because of it."""

    def __init__(self, about: str) -> None:
        super().__init__(http.UNREADABLE_ANSWER.saying(f"Klaviyo's answer about {about} could not be read."))


@dataclass(frozen=True)
class Answer:
    """A success: its status, and the JSON it carried ({} where it carried none)."""

    status: int
    document: dict[str, Any]

    @property
    def data(self) -> Any:
        return self.document.get("data")


def read(operation: Operation, response: requests.Response) -> Answer:
    """The answer to an operation; raises an IntegrationError for anything but success."""
    status = response.status_code
    document = _document(response)
    if status in operation.success or (200 <= status < 300 and (document is not None or not response.content)):
        if operation.is_read and (document is None or "data" not in document):
            raise TemporaryError(http.UNREADABLE_ANSWER.saying("Klaviyo said yes, but its answer could not be read."))
        return Answer(status, document or {})
    raise _error(operation, response, _errors(document))


def _error(operation: Operation, response: requests.Response, errors: list[dict[str, Any]]) -> Exception:
    status = response.status_code
    code, words = _code(errors, f"http_{status}"), _words(errors)
    match status:  # https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
        case 429:
            wait = http.retry_after(response)
            return Throttled("Klaviyo's rate limit is reached; it goes on by itself.", retry_after=wait)
        case 405 | 410 | 415 | 426:
            return OperatorRequired(reasons.of(code, f"Klaviyo no longer takes this kind of request: {words}"))
        case 413:
            return PermanentError(TOO_LARGE, details=errors)
        case 408 | 425:
            return TemporaryError(reasons.of(f"http_{status}", f"Klaviyo answered with status {status}."))
        case _ if 400 <= status < 500 and not errors:  # Klaviyo's edge answers in HTML; that is not published
            return EdgeRefused(EDGE_REFUSED.about(status=status))
        case 401:
            return Unauthorized(UNAUTHORIZED)
        case 403:
            return OperatorRequired(_forbidden(operation, code, words))
        case _ if 400 <= status < 500:
            return PermanentError(reasons.of(code, f"Klaviyo refuses it: {words}"), details=errors)
        case _:
            return TemporaryError(reasons.of(f"http_{status}", f"Klaviyo answered with status {status}."))


def members(value: Any) -> dict[str, Any]:
    """An object of an answer; empty for what is none, or null."""
    return value if isinstance(value, dict) else {}


def words(value: Any) -> str:
    """A string of an answer; empty for what is none, or null."""
    return value if isinstance(value, str) else ""


def points_at(error: PermanentError, name: str) -> bool:
    """Whether one of Klaviyo's errors points at the member of that name."""
    pointers = [_pointer(detail) for detail in error.details]
    return any(pointer.rstrip("/").endswith(f"/{name}") for pointer in pointers)


def duplicate_of(error: PermanentError) -> str:
    """The id of the profile that already has the identifier, from a 409; empty if none is named."""
    metas = [detail.get("meta") for detail in error.details]
    # https://developers.klaviyo.com/en/reference/create_profile
    found = [meta.get("duplicate_profile_id") for meta in metas if isinstance(meta, dict)]
    return next((str(id) for id in found if id), "")


def _document(response: requests.Response) -> dict[str, Any] | None:
    try:
        document = json.loads(
            response.content.decode("utf-8", "replace"), parse_constant=lambda _: None, parse_float=_finite
        )
    except (ValueError, RecursionError):
        return None
    if b"\\u" in response.content:
        document = _storable(document)
    return document if isinstance(document, dict) else None


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None


def _storable(value: Any) -> Any:
    """Without what neither a database nor a log can hold, wherever it stands: NUL, and halves of characters."""
    match value:
        case str():
            return values.text(value)
        case list():
            return [_storable(item) for item in value]
        case dict():
            return {values.text(key): _storable(item) for key, item in value.items()}
        case _:
            return value


def _errors(document: dict[str, Any] | None) -> list[dict[str, Any]]:
    errors = (document or {}).get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _code(errors: list[dict[str, Any]], otherwise: str) -> str:
    code = errors[0].get("code") if errors else None
    return code[:64] if isinstance(code, str) and code else otherwise


def _words(errors: list[dict[str, Any]]) -> str:
    """Klaviyo's sentences and where they point, short enough for a table."""
    parts = [
        f"{error.get('detail') or error.get('title') or 'no detail'} {_pointer(error)}".strip() for error in errors
    ]
    return " ".join(parts)[:500] or "no reason given."


def _pointer(error: dict[str, Any]) -> str:
    source = error.get("source")
    if not isinstance(source, dict):
        return ""
    return str(source.get("pointer") or source.get("parameter") or "")


def _forbidden(operation: Operation, code: str, words: str) -> Reason:
    # 403 where an app's scopes have grown: https://developers.klaviyo.com/en/docs/manage_your_app
    if code == SCOPE_MISSING.code:
        return SCOPE_MISSING.about(scopes=operation.scopes)
    return reasons.of(code, f"Klaviyo does not allow it for this account: {words}")
