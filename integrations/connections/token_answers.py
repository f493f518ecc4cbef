"""Parses the answers of a token endpoint: the status first, then OAuth's own error, then every field of a grant.

Only `invalid_grant` (RFC 6749, 5.2) says that access is gone. A refusal of our client is ours to repair, and everything
else (429, 5xx, time-outs, pages in HTML, half an answer) says nothing about the grant.
"""

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from integrations import reasons
from integrations.errors import IntegrationError, OperatorRequired, PermanentError, ReconnectRequired, TemporaryError
from integrations.reasons import Who, declare
from integrations.wire import http

if TYPE_CHECKING:
    import requests

TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")
SCOPES = re.compile(r"[\x20-\x7e]{0,4096}")
LIFETIME = timedelta(hours=1)  # where the answer names none, as RFC 6749, 5.1 lets it
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
LOST_ANSWERS = {http.NO_ANSWER.code, http.TIMED_OUT.code, http.UNREADABLE_ANSWER.code}
DEAD_GRANTS = {"invalid_grant", "invalid_grant_type"}  # Klaviyo says the second of expired refresh tokens, too
OUR_FAULTS = {"invalid_client", "unauthorized_client", "invalid_scope", "unsupported_grant_type"}  # RFC 6749, 5.2
APP_REFUSED = declare(
    "invalid_client",
    "App refused",
    "The provider refuses our app itself: check its client id, secret and scopes in the settings.",
    because="the provider refuses our app itself",
    means="Access to the account cannot be renewed, as the provider does not take the site for what it says it is.",
    who=Who.RUNNER,
    do="Check the app's id, secret and scopes in the site's settings. It goes on by itself then.",
)
REFUSED = declare(
    "refused",
    "Renewal refused",
    "The provider refuses this request.",
    because="the provider refused to renew our access",
    means="The request itself was wrong, or our app was not accepted.",
    who=Who.RUNNER,
    do="Check the app's id and secret, then retry.",
)


def checked(response: "requests.Response") -> "requests.Response":
    """The hook for requests-oauthlib: the answer cut down to a grant's valid fields, or an error of ours."""
    if not _is_success(response):
        refuse(response)
    fields = _grant_fields(_json_object(response))
    if fields is None:
        raise TemporaryError(http.UNREADABLE_ANSWER.saying("The provider's answer holds no usable tokens."))
    response._content = json.dumps(fields).encode()
    response.encoding = "utf-8"
    return response


def is_revoked(response: "requests.Response") -> bool:
    """Whether a revocation's answer says that the token is dead; a page of some proxy does not."""
    if error_of(response) in DEAD_GRANTS:
        return True
    # Of a token that it does not know the provider says 200 as well: https://www.rfc-editor.org/rfc/rfc7009#section-2.2
    return _is_success(response) and "html" not in response.headers.get("Content-Type", "")


def refuse(response: "requests.Response") -> NoReturn:
    """Raise what an answer other than 2xx means."""
    error, status = error_of(response), response.status_code
    if status == 429 or status >= 500:
        wait = http.retry_after(response) if status == 429 or "Retry-After" in response.headers else None
        raise TemporaryError(reasons.of(f"http_{status}", f"The provider answered {status}."), retry_after=wait)
    if error in DEAD_GRANTS:
        raise ReconnectRequired(reasons.of(error, "The provider no longer accepts this grant."))
    if status == 401 or error in OUR_FAULTS:
        raise OperatorRequired(reasons.of(error, APP_REFUSED.sentence) if error in OUR_FAULTS else APP_REFUSED)
    if error:
        raise PermanentError(REFUSED)
    raise TemporaryError(reasons.of(f"http_{status}", f"The provider answered {status}, without a reason."))


def error_of(response: "requests.Response") -> str:
    """OAuth's error code (RFC 6749, 5.2), where the body is OAuth's at all."""
    error = (_json_object(response) or {}).get("error")
    return error if isinstance(error, str) else ""


def no_answer(error: Exception) -> IntegrationError:
    """What a failure below HTTP means; codes in LOST_ANSWERS say that the request may have been carried out."""
    import requests  # heavy

    match error:
        case requests.ConnectTimeout() | requests.exceptions.SSLError():
            return TemporaryError(http.UNREACHABLE)
        case requests.ConnectionError() if _never_left(error):
            return TemporaryError(http.UNREACHABLE)
        case requests.Timeout():
            return TemporaryError(http.TIMED_OUT)
        case requests.TooManyRedirects():
            return TemporaryError(http.REDIRECTED)
        case requests.ConnectionError():
            return TemporaryError(http.NO_ANSWER)
        case _:
            return TemporaryError(http.UNREADABLE_ANSWER)


def _is_success(response: "requests.Response") -> bool:
    return 200 <= response.status_code < 300


def _never_left(error: "requests.ConnectionError") -> bool:
    from urllib3.exceptions import NewConnectionError  # heavy

    cause = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)  # urllib3 2: no connection was made


def _json_object(response: "requests.Response") -> dict[str, Any] | None:
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _grant_fields(body: dict[str, Any] | None) -> dict[str, Any] | None:
    """The fields we keep, each of the right type, length and characters; None where a token is not."""
    if body is None or not _is_token(body.get("access_token")):
        return None
    if str(body.get("token_type", "bearer")).lower() != "bearer":
        return None
    fields = {"access_token": body["access_token"], "token_type": "bearer", "expires_in": _seconds(body)}
    if body.get("refresh_token") is not None:
        if not _is_token(body["refresh_token"]):
            return None
        fields["refresh_token"] = body["refresh_token"]
    scope = body.get("scope")
    if isinstance(scope, str) and SCOPES.fullmatch(scope):
        fields["scope"] = scope
    return fields


def _is_token(value: Any) -> bool:
    return isinstance(value, str) and TOKEN.fullmatch(value) is not None


def _seconds(body: dict[str, Any]) -> int:
    """A lifetime within reason; an unreadable one is taken for the usual hour, never for longer."""
    given = body.get("expires_in")
    try:
        seconds = int(given) if isinstance(given, int | float | str) and not isinstance(given, bool) else None
    except (ValueError, OverflowError):
        seconds = None
    if seconds is None:
        seconds = int(LIFETIME.total_seconds())
    return min(max(seconds, int(SHORTEST.total_seconds())), int(LONGEST.total_seconds()))
