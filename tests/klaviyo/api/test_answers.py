"""What each answer of Klaviyo leads to: the status decides first, whatever the body."""

import contextlib
import json
from datetime import timedelta
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from integrations import reasons
from integrations.errors import IntegrationError, OperatorRequired, PermanentError, TemporaryError, Throttled
from klaviyo.api import answers
from klaviyo.api.answers import Unauthorized
from klaviyo.api.events import CREATE_EVENT
from klaviyo.api.profiles import CREATE_OR_UPDATE_PROFILE, GET_PROFILES

HTML = b"<html><body>Checking your browser</body></html>"


def response(status: int, body: bytes | dict[str, Any] = b"", **headers: str) -> requests.Response:
    made = requests.Response()
    made.status_code = status
    made._content = json.dumps(body).encode() if isinstance(body, dict) else body
    made.headers.update(headers)
    return made


def error(code: str, pointer: str = "", **more: Any) -> dict[str, Any]:
    detail = {"id": "1", "code": code, "title": "Title.", "detail": "Detail.", "source": {"pointer": pointer}} | more
    return {"errors": [detail]}


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (400, error("invalid", "/data/attributes/time"), PermanentError, "invalid"),
        (400, b"not json", TemporaryError, "edge_refused"),
        (404, HTML, TemporaryError, "edge_refused"),
        (408, error("timeout"), TemporaryError, "http_408"),
        (401, error("authentication_failed"), Unauthorized, "unauthorized"),
        (401, HTML, TemporaryError, "edge_refused"),
        (403, error("permission_denied"), OperatorRequired, "permission_denied"),
        (403, error("forbidden"), OperatorRequired, "forbidden"),
        (403, HTML, TemporaryError, "edge_refused"),
        (404, error("not_found"), PermanentError, "not_found"),
        (405, error("method_not_allowed"), OperatorRequired, "method_not_allowed"),
        (409, error("duplicate_profile"), PermanentError, "duplicate_profile"),
        (410, HTML, OperatorRequired, "http_410"),
        (413, b"", PermanentError, "payload_too_large"),
        (415, error("unsupported"), OperatorRequired, "unsupported"),
        (429, error("throttled"), Throttled, "throttled"),
        (500, error("error"), TemporaryError, "http_500"),
        (503, HTML, TemporaryError, "http_503"),
        (524, b"", TemporaryError, "http_524"),
        (302, b"", TemporaryError, "http_302"),
        (200, HTML, TemporaryError, "http_200"),
        (799, b"", TemporaryError, "http_799"),
    ],
)
def test_every_status_leads_to_what_to_do_next(
    status: int, body: bytes | dict[str, Any], kind: type[IntegrationError], code: str
) -> None:
    with pytest.raises(kind) as caught:
        answers.read(CREATE_EVENT, response(status, body))
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert caught.value.sentence


def test_an_accepted_event_is_accepted_whatever_the_body() -> None:
    for body in (b"", HTML, b"\xff\xfe", b"[]", b'{"data":'):
        assert answers.read(CREATE_EVENT, response(202, body)).status == 202


def test_another_success_with_json_or_nothing_is_one_too() -> None:
    assert answers.read(CREATE_EVENT, response(200)).status == 200
    assert answers.read(CREATE_OR_UPDATE_PROFILE, response(202, {"data": None})).status == 202


@pytest.mark.parametrize("body", [b"", HTML, b"[]", b"null", b'{"data"', b"{}", b"[" * 100_000])
def test_a_look_up_without_a_readable_answer_is_asked_again(body: bytes) -> None:
    with pytest.raises(TemporaryError):
        answers.read(GET_PROFILES, response(200, body))


def test_bytes_that_are_no_text_become_text() -> None:
    body = b'{"data":{"name":"half \xed\xa0\x80 and \\ud83d \\u0000."}}'
    name = answers.read(GET_PROFILES, response(200, body)).data["name"]
    assert name.encode().decode() == name
    assert "\0" not in name


def test_a_throttled_request_waits_as_long_as_klaviyo_says() -> None:
    with pytest.raises(Throttled) as caught:
        answers.read(CREATE_EVENT, response(429, b"", **{"Retry-After": "7"}))
    assert caught.value.retry_after == timedelta(seconds=7)


def test_a_missing_scope_is_named_with_what_to_do() -> None:
    with pytest.raises(OperatorRequired, match=r"events:write.*Reconnect"):
        answers.read(CREATE_EVENT, response(403, error("permission_denied")))


def test_the_owner_of_a_duplicate_and_the_place_of_an_error_are_found() -> None:
    with pytest.raises(PermanentError) as caught:
        answers.read(CREATE_EVENT, response(409, error("duplicate_profile", meta={"duplicate_profile_id": "01XYZ"})))
    assert answers.duplicate_of(caught.value) == "01XYZ"
    with pytest.raises(PermanentError) as caught:
        answers.read(CREATE_EVENT, response(400, error("invalid", "/data/attributes/phone_number")))
    assert answers.points_at(caught.value, "phone_number")
    assert not answers.points_at(caught.value, "email")


ODD_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["errors", "code", "detail", "title", "source", "pointer", "meta", "duplicate_profile_id", "data"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(st.integers(100, 999), ODD_JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=200))
def test_no_answer_is_a_riddle(status: int, body: bytes) -> None:
    for operation in (CREATE_EVENT, GET_PROFILES, CREATE_OR_UPDATE_PROFILE):
        with contextlib.suppress(IntegrationError):
            answers.read(operation, response(status, body))
    details = answers._errors(answers._document(response(status, body)))
    refused = PermanentError(reasons.of("invalid", "No."), details=details)
    assert isinstance(answers.duplicate_of(refused), str)
    assert answers.points_at(refused, "email") in (True, False)
