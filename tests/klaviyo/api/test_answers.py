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
from klaviyo.api import answers, published
from klaviyo.api.answers import Unauthorized
from klaviyo.api.bulk import BULK_IMPORT_PROFILES
from klaviyo.api.events import CREATE_EVENT
from klaviyo.api.lists import ADD_PROFILES_TO_LIST
from klaviyo.api.operation import Operation
from klaviyo.api.profiles import CREATE_OR_UPDATE_PROFILE, GET_PROFILE, GET_PROFILES, UPDATE_PROFILE
from klaviyo.api.webhooks import CREATE_WEBHOOK

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
        (400, b"not json", answers.EdgeRefused, "edge_refused"),
        (404, HTML, answers.EdgeRefused, "edge_refused"),
        (408, error("timeout"), TemporaryError, "http_408"),
        (401, error("authentication_failed"), Unauthorized, "unauthorized"),
        (401, HTML, answers.EdgeRefused, "edge_refused"),
        (403, error("permission_denied"), OperatorRequired, "permission_denied"),
        (403, error("forbidden"), OperatorRequired, "forbidden"),
        (403, HTML, answers.EdgeRefused, "edge_refused"),
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


@pytest.mark.parametrize("operation", [CREATE_OR_UPDATE_PROFILE, UPDATE_PROFILE, ADD_PROFILES_TO_LIST])
@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_success_whose_body_nobody_needs_is_one_without_it(operation: Operation, status: int) -> None:
    for body in (b"", b"{}", b"null", b'{"data":null}'):
        assert answers.read(operation, response(status, body)).status == status


@pytest.mark.parametrize("id", sorted(published.NOBODY_NEEDS_ITS_ANSWER))
def test_what_only_repeats_what_was_asked_is_done_without_it(id: str) -> None:
    assert answers.read(published.operation(id), response(202)).data is None


def test_a_page_of_somebody_in_between_is_no_success() -> None:
    for operation in (CREATE_OR_UPDATE_PROFILE, UPDATE_PROFILE):
        with pytest.raises(TemporaryError):
            answers.read(operation, response(200, HTML))
        with pytest.raises(TemporaryError):
            answers.read(operation, response(200, b"Sign in", **{"Content-Type": "text/html; charset=utf-8"}))
        assert answers.read(operation, response(200, b'{"data": [')).status == 200


@pytest.mark.parametrize("operation", [BULK_IMPORT_PROFILES, CREATE_WEBHOOK])
def test_a_success_without_the_id_that_we_need_is_asked_again(operation: Operation) -> None:
    with pytest.raises(TemporaryError):
        answers.read(operation, response(operation.success[0]))


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 524])
@pytest.mark.parametrize("body", [b"", HTML, error("error")])
def test_who_is_in_trouble_and_says_for_how_long_is_left_alone_so_long(
    status: int, body: bytes | dict[str, Any]
) -> None:
    with pytest.raises(TemporaryError) as caught:
        answers.read(CREATE_EVENT, response(status, body, **{"Retry-After": "90"}))
    assert caught.value.retry_after == timedelta(seconds=90)
    with pytest.raises(TemporaryError) as caught:
        answers.read(CREATE_EVENT, response(status, body))
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    "detail",
    [
        "You must have Advanced KDP enabled to use this endpoint.",
        "Advanced Klaviyo Data Platform (KDP) is required.",
        "Upgrade to use this feature.",
        "Entitlement to create object type not found",
        "Company is not able to process push tokens.",
    ],
)
def test_a_right_that_the_account_lacks_is_no_missing_scope(detail: str) -> None:
    with pytest.raises(OperatorRequired) as caught:
        answers.read(CREATE_WEBHOOK, response(403, error("permission_denied", "/data/", detail=detail)))
    assert caught.value.code == "not_in_plan"
    assert detail in caught.value.sentence
    assert "scope" not in caught.value.sentence
    assert "Reconnect" not in caught.value.sentence


@pytest.mark.parametrize(
    "detail",
    [
        "The path /v2/api/profiles/01J could not be found.",
        "The requested URL was not found on this server.",
        "No such endpoint: GET /api/profiles/01J",
        "The operation get_profile is not served like this any more.",
    ],
)
def test_a_path_that_does_not_exist_says_nothing_about_a_person(detail: str) -> None:
    with pytest.raises(OperatorRequired) as caught:
        answers.read(GET_PROFILE, response(404, error("not_found", "/data/", detail=detail)))
    assert caught.value.code == "no_such_path"


def test_only_a_sentence_about_a_profile_says_that_it_is_not_there() -> None:
    def refused(detail: str) -> PermanentError:
        with pytest.raises(PermanentError) as caught:
            answers.read(GET_PROFILE, response(404, error("not_found", "/data/", detail=detail)))
        return caught.value

    assert answers.is_missing(refused("A profile with id NOPE01 does not exist."), "profile")
    gone = 'No profile with email "a/b@x.test" found.  The profile may have already been deleted.'
    assert answers.is_missing(refused(gone), "profile")
    assert not answers.is_missing(PermanentError(reasons.of("invalid", "No.")), "profile")
    with pytest.raises(OperatorRequired, match="no_such_path"):
        answers.is_missing(refused("Not found."), "profile")


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
