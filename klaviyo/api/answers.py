"""JSON:API answers and errors of Klaviyo. The status decides first; then Klaviyo's own code; never its text.

| status                    | leads to                                                          |
|---------------------------|-------------------------------------------------------------------|
| documented success        | done, whatever the body, unless that is what we asked for, or a page with 200 |
| other 2xx                 | done if empty or JSON; else an impostor answered: later again     |
| 3xx, 5xx, unknown         | TemporaryError, for as long as Retry-After says where it is there |
| 429                       | Throttled for as long as Retry-After says                         |
| 405, 410, 415, 426        | OperatorRequired: this version no longer speaks Klaviyo's language |
| 413                       | PermanentError payload_too_large                                  |
| 408, 425; 4xx without Klaviyo's error objects | TemporaryError: somebody else answered on the way |
| 401                       | Unauthorized: renew the access, once                              |
| 403                       | OperatorRequired: a scope is missing, or the account's plan leaves it out |
| 404 about the path        | OperatorRequired: it says nothing about the person or the thing    |
| other 4xx                 | PermanentError with Klaviyo's code and pointer                    |
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING, Any, Literal

from integrations import reasons
from integrations.errors import OperatorRequired, PermanentError, TemporaryError, Throttled
from integrations.reasons import Reason, Who, declare, on_the_way
from integrations.wire import http
from klaviyo.api import partial_success, values
from klaviyo.api.operation import Operation

if TYPE_CHECKING:
    import requests

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
NOT_IN_PLAN = declare(
    "not_in_plan",
    "Not in the account's plan",
    "Klaviyo does not let this account do it: {words}",
    because="the account's plan at Klaviyo does not have it",
    means="Klaviyo keeps this for accounts that have a certain product or right. No permission of ours is missing.",
    who=Who.ACCOUNT,
    do="Ask Klaviyo's support to switch it on for the account. Connecting the account again changes nothing.",
)
FORBIDDEN = declare(
    "forbidden",  # Klaviyo's own code for it
    "Not allowed",
    "Klaviyo does not allow it for this account: {words}",
    because="Klaviyo does not allow it for this account",
    means="Klaviyo itself keeps this account from doing it. No permission of ours is missing.",
    who=Who.ACCOUNT,
    do="See in the account whether something is switched off, or ask Klaviyo's support. Then retry.",
)
NO_SUCH_PATH = declare(
    "no_such_path",
    "Address not known",
    "Klaviyo says that what was asked of it is not there, but not that the person is not: {words}",
    because="Klaviyo no longer knows the address that we ask at",
    means="Such an answer says nothing about what was asked, so nothing is taken as done.",
    who=Who.RUNNER,
    do="Check the address of Klaviyo's API in the site's settings, or update the site.",
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

REQUEST_ID = "x-klaviyo-req-id"
TELLING = (
    REQUEST_ID,
    "x-klaviyo-api-revision",
    "Content-Type",
    "Retry-After",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
)

_PATH = re.compile(r"""(^|[\s"'`(])(/|https?:)\w*|\b(path|url|endpoint|route|operation)\b""", re.I)
# The sentences of rights are not published; the first was recorded, and no sentence about scopes is like these.
_RIGHTS = re.compile(
    r"\bkdp\b|\bdata platform\b|\bupgrade\b|\badd-on\b|entitle|\bmust have .* enabled|\bis not able to\b|\bplan\b", re.I
)


class Unauthorized(TemporaryError):
    """The access token is no longer accepted."""


class EdgeRefused(TemporaryError):
    """Something on the way did not let the request through; it may dislike what the request says."""


class Unreadable(TemporaryError):
    """An answer that cannot be what was asked for. Nobody and nothing may be taken for missing because of it."""

    def __init__(self, about: str) -> None:
        super().__init__(http.UNREADABLE_ANSWER.saying(f"Klaviyo's answer about {about} could not be read."))


ResponseType = Literal["json", "text", "binary"]


@dataclass(frozen=True)
class Answer:
    """A success: its status, the JSON it carried ({} where it carried none), and the names of what was ignored.

    `content` are its bytes as they came, which `text` reads; `headers` are those that tell of the answer.
    """

    status: int
    document: dict[str, Any]
    ignored: frozenset[str] = frozenset()
    content: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Any:
        return self.document.get("data")

    @property
    def media_type(self) -> str:
        return self.headers.get("Content-Type", "")

    @property
    def request_id(self) -> str:
        return self.headers.get(REQUEST_ID, "")

    @property
    def text(self) -> str:
        """In the encoding that the answer names, else UTF-8; what cannot be read is marked as such."""
        named = Message()
        named["Content-Type"] = self.media_type
        try:
            return values.text(self.content.decode(named.get_content_charset("utf-8"), "replace"))
        except LookupError:
            return values.text(self.content.decode("utf-8", "replace"))


def read(operation: Operation, response: "requests.Response", *, response_type: ResponseType = "json") -> Answer:
    """The answer to an operation; raises an IntegrationError for anything but success.

    Whoever asks for text or bytes gets what came, and no document.
    """
    status = response.status_code
    if response_type != "json" and 200 <= status < 300:
        return Answer(status, {}, partial_success.ignored(response), response.content, headers(response))
    document = _document(response)
    if 200 <= status < 300 and (document is not None or _is_success(operation, response)):
        if operation.is_read and (document is None or "data" not in document):
            raise TemporaryError(http.UNREADABLE_ANSWER.saying("Klaviyo said yes, but its answer could not be read."))
        ignored = partial_success.ignored(response)
        return Answer(status, document or {}, ignored, response.content, headers(response))
    raise _error(operation, response, _errors(document))


def headers(response: "requests.Response") -> dict[str, str]:
    """The headers that tell of an answer; none of them holds a secret."""
    found = {name: values.text(response.headers[name])[:500] for name in TELLING if name in response.headers}
    return found | ({REQUEST_ID: found[REQUEST_ID][:64]} if REQUEST_ID in found else {})


def _is_success(operation: Operation, response: "requests.Response") -> bool:
    """Whether a 2xx without an object counts: an empty one, `null`, and the documented one, whatever it carries.

    Pages of impostors come with 200 (a sign-in page, say), which is documented for some.
    """
    said = response.content.strip()
    if not said or said == b"null":
        return True
    is_page = "html" in response.headers.get("Content-Type", "") or said.startswith(b"<")
    return response.status_code in operation.success and not (is_page and response.status_code == 200)


def _error(operation: Operation, response: "requests.Response", errors: list[dict[str, Any]]) -> Exception:
    status = response.status_code
    code, told = _code(errors, f"http_{status}"), _words(errors)
    match status:  # https://developers.klaviyo.com/en/docs/rate_limits_and_error_handling
        case 429:
            wait = http.retry_after(response)
            return Throttled("Klaviyo's rate limit is reached; it goes on by itself.", retry_after=wait)
        case 405 | 410 | 415 | 426:
            return OperatorRequired(reasons.of(code, f"Klaviyo no longer takes this kind of request: {told}"))
        case 413:
            return PermanentError(TOO_LARGE, details=errors)
        case 408 | 425:
            return _later(response, reasons.of(f"http_{status}", f"Klaviyo answered with status {status}."))
        case _ if 400 <= status < 500 and not errors:  # Klaviyo's edge answers in HTML; that is not published
            return _later(response, EDGE_REFUSED.about(status=status), EdgeRefused)
        case 404 if _is_about_the_path(errors):
            return OperatorRequired(NO_SUCH_PATH.about(words=told))
        case 401:
            return Unauthorized(UNAUTHORIZED)
        case 403:
            return OperatorRequired(_forbidden(operation, code, told))
        case _ if 400 <= status < 500:
            return PermanentError(reasons.of(code, f"Klaviyo refuses it: {told}"), details=errors)
        case _:
            return _later(response, reasons.of(f"http_{status}", f"Klaviyo answered with status {status}."))


def _is_about_the_path(errors: list[dict[str, Any]]) -> bool:
    """Whether it is the address that is not there. What Klaviyo says then is not published; of things it names them."""
    told = [words(error.get("detail")) for error in errors]
    return bool(told) and all(_PATH.search(one) for one in told)


def _later(
    response: "requests.Response", reason: Reason, kind: type[TemporaryError] = TemporaryError
) -> TemporaryError:
    """The same again; as late as it asks for, where it does: also of a 503 (RFC 9110, 15.6.4)."""
    wait = http.retry_after(response) if "Retry-After" in response.headers else None
    return kind(reason, retry_after=wait)


def members(value: Any) -> dict[str, Any]:
    """An object of an answer; empty for what is none, or null."""
    return value if isinstance(value, dict) else {}


def words(value: Any) -> str:
    """A string of an answer; empty for what is none, or null."""
    return value if isinstance(value, str) else ""


def is_missing(error: PermanentError, *named: str) -> bool:
    """Whether Klaviyo says that what was asked about is not there. Raises OperatorRequired where it only may.

    A path that does not exist has the same code, so its sentence must name what was asked about, such as "profile".
    """
    if error.code != "not_found":
        return False
    told = [words(detail.get("detail")).lower() for detail in error.details]
    if any(name in one for one in told for name in named):
        return True
    raise OperatorRequired(NO_SUCH_PATH.about(words=_words(error.details)))


def points_at(error: PermanentError, name: str) -> bool:
    """Whether one of Klaviyo's errors points at the member of that name."""
    return any(pointer(detail).rstrip("/").endswith(f"/{name}") for detail in error.details)


def duplicate_of(error: PermanentError) -> str:
    """The id of the profile that already has the identifier, from a 409; empty if none is named."""
    metas = [detail.get("meta") for detail in error.details]
    # https://developers.klaviyo.com/en/reference/create_profile
    found = [meta.get("duplicate_profile_id") for meta in metas if isinstance(meta, dict)]
    return next((str(id) for id in found if id), "")


def _document(response: "requests.Response") -> dict[str, Any] | None:
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
    parts = [f"{error.get('detail') or error.get('title') or 'no detail'} {pointer(error)}".strip() for error in errors]
    return " ".join(parts)[:500] or "no reason given."


def pointer(error: dict[str, Any]) -> str:
    source = error.get("source")
    if not isinstance(source, dict):
        return ""
    return str(source.get("pointer") or source.get("parameter") or "")


def _forbidden(operation: Operation, code: str, words: str) -> Reason:
    # 403 where an app's scopes have grown: https://developers.klaviyo.com/en/docs/manage_your_app
    # It has the same code: https://developers.klaviyo.com/en/reference/webhooks_api_overview
    if code == SCOPE_MISSING.code and _RIGHTS.search(words) and "scope" not in words.lower():
        return NOT_IN_PLAN.about(words=words)
    if code == SCOPE_MISSING.code:
        return SCOPE_MISSING.about(scopes=operation.scopes)
    if code == FORBIDDEN.code:
        return FORBIDDEN.about(words=words)
    return reasons.of(code, f"Klaviyo does not allow it for this account: {words}")
