"""Every answer below /api is JSON in the shape of an outcome, for whatever is asked; and nothing of it is kept."""

import json
import logging
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.test import Client

from integrations.api import tokens
from integrations.api.outcome import Outcome
from integrations.models import Connection
from tests.integrations.api.conftest import Ask
from tests.integrations.api.kitchen import Kitchen

ORDER = {"email": "ann@example.com", "cups": 2}
SHAPE = set(Outcome("success").document())


def outcome(answer: Any, status: int) -> dict[str, Any]:
    """The outcome of an answer with that status."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/json"
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies
    found: dict[str, Any] = answer.json()
    assert set(found) == SHAPE
    assert (found["outcome"] == "success") == (status < 300)
    assert len({len(column) for column in found["errors"].values()}) == 1
    return found


def code(answer: Any, status: int) -> str:
    return str(outcome(answer, status)["errors"]["code"][0])


def test_a_call_is_answered(ask: Ask, open_kitchen: Kitchen, tea_room: Connection) -> None:
    found = outcome(ask(body=ORDER), 200)
    assert found["data"] == {"cups": 2}
    assert open_kitchen.brewed == [f"{tea_room.pk}:2"]


def test_whoever_prefers_not_to_wait_is_told_where_to_look(ask: Ask) -> None:
    answer = ask(body=ORDER, prefer='wait=5, Respond-Async; x="y"')
    outcome(answer, 202)
    assert answer["Location"] == "/api/v1/runs/1"


@pytest.mark.parametrize(
    "path",
    [
        "/api",
        "/api/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/ready",
        "/api/v1/nothing",
        "/api/v1/ready/",
        "/api/v1/a%0Ab",
        "/api/v1/connections//brew",
        "/api/v1/%00",
        "/api/v1/%ff",
        "/api/v1/connections/1%2Fbrew/brew",
    ],
)
def test_what_is_not_there_is_no_page(ask: Ask, path: str) -> None:
    assert code(ask(path), 404) == "no_such_address"


@pytest.mark.parametrize("id", ["0", "-1", "x", "9" * 30, "99999", "½", "1 "])
def test_a_connection_that_is_not_there(ask: Ask, id: str) -> None:
    assert code(ask(f"/api/v1/connections/{id}/brew", ORDER), 404) == "no_such_connection"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
def test_other_methods(ask: Ask, method: str) -> None:
    answer = ask(method=method)
    assert code(answer, 405) == "method_not_allowed"
    assert answer["Allow"] == "POST"


def test_head_is_get_without_a_body(ask: Ask) -> None:
    answer = ask("/api/v1/ready", method="HEAD")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_other_content_types(ask: Ask, kind: str) -> None:
    assert code(ask(body=ORDER, content_type=kind), 415) == "wrong_content_type"


def test_a_charset_is_no_other_content_type(ask: Ask) -> None:
    outcome(ask(body=ORDER, content_type="application/json; charset=utf-8"), 200)


def test_large_bodies(ask: Ask, open_kitchen: Kitchen) -> None:
    """More than forms may have, up to seven megabytes."""
    padded = json.dumps(ORDER).encode() + b" " * (6 * 1024 * 1024)
    outcome(ask(body=padded), 200)
    assert code(ask(body=padded + b" " * 1024 * 1024), 413) == "too_large"
    assert len(open_kitchen.brewed) == 1


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "The body is empty"),
        (b" \n", "The body is empty"),
        (b'{"email": "ann@example.com",\n  "cups" 2}', "line 2, column 10"),
        (b"[]", "a list: send a JSON object"),
        (b'"tea"', "a text"),
        (b"null", "null"),
        (b"7", "a number"),
        (b"\xff\xfe{}", "not UTF-8 (byte 0)"),
        (b"\xef\xbb\xbf{}", "line 1, column 1"),
        (b'{"email": "a\\u0000b"}', "NUL character (at /email)"),
        (b'{"email\\u0000": "a"}', "NUL character"),
        (b'{"extras": ["\\ud83d"]}', "half a character, a lone surrogate (at /extras/0)"),
        (b'{"strength": NaN}', "holds NaN"),
        (b'{"strength": -Infinity}', "holds -Infinity"),
        (b'{"strength": 1e999}', "too large"),
        (b'{"cups": ' + b"9" * 5000 + b"}", "too many digits"),
        (b'{"cups": 1, "cups": 2}', "names cups twice"),
        (b'{"sugar": {"kind": 1, "kind": 2}}', "names kind twice"),
        (b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}", "deeper than 50"),
        (b'{"a": ' + b"[" * 200_000, "deeper than 50"),
        (b'{"a":' * 50 + b"{}" + b"}" * 50, "deeper than 50"),
    ],
)
def test_json_that_is_broken_or_odd(ask: Ask, open_kitchen: Kitchen, body: bytes, words: str) -> None:
    answer = ask(body=body)
    assert code(answer, 400) == "invalid_json"
    assert words in answer.json()["reason"]
    assert open_kitchen.brewed == []


def test_both_halves_of_a_character_are_one(ask: Ask) -> None:
    outcome(ask(body=b'{"email": "\\ud83c\\udf75"}'), 200)


def test_an_integer_may_be_written_with_a_point(ask: Ask) -> None:
    assert outcome(ask(body=b'{"email": "a", "cups": 10.0, "sugar": {"spoons": 2e0}}'), 200)["data"] == {"cups": 10}
    assert code(ask(body=b'{"email": "a", "cups": 10.5}'), 422) == "invalid"


def test_fifty_levels_are_well(ask: Ask) -> None:
    answer = ask(body=b'{"a":' * 49 + b"{}" + b"}" * 49)
    assert code(answer, 422) == "invalid"


def test_all_fields_that_are_wrong_are_told_at_once(ask: Ask, open_kitchen: Kitchen) -> None:
    wrong = {
        "emial": "ann@example.com",
        "cups": "2",
        "with_milk": 1,
        "strength": 2,
        "sugar": {"spoon": 1, "spoons": 10},
        "extras": [{"spoons": 1}, {"spoons": 1, "kind": "black"}],
        "a/b~c": 1,
    }
    found = outcome(ask(body=wrong), 422)
    told = dict(zip(found["errors"]["pointer"], found["errors"]["detail"], strict=True))
    assert set(found["errors"]["code"]) == {"invalid"}
    assert told["/email"] == "This is required."
    assert told["/emial"] == "There is no such field: did you mean email?"
    assert told["/sugar/spoon"] == "There is no such field: did you mean spoons?"
    assert told["/a~1b~0c"] == "There is no such field."
    assert set(told) == {
        "/email",
        "/emial",
        "/cups",
        "/with_milk",
        "/strength",
        "/sugar/spoon",
        "/sugar/spoons",
        "/extras/1/kind",
        "/a~1b~0c",
    }
    assert open_kitchen.brewed == []


def test_what_was_sent_is_not_said_back(ask: Ask) -> None:
    answer = ask(body={"email": 1, "cups": "ann@secret.example", "with_milk": {"ann@secret.example": 1}})
    assert b"ann@secret" not in answer.content


def test_a_fault_of_ours_says_nothing_of_itself(
    ask: Ask, open_kitchen: Kitchen, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    open_kitchen.raises = RuntimeError("ann@example.com has the token 1234")
    answer = ask(body=ORDER)
    assert code(answer, 500) == "internal_error"
    assert answer.json()["is_known"] is False
    said = answer.content.decode() + caplog.text + "".join(map(str, (record.args for record in caplog.records)))
    assert "RuntimeError" in caplog.text
    assert "kitchen.py" in caplog.text
    for word in ("ann@example.com", "1234", secret, "Traceback"):
        assert word not in said


def test_a_database_that_is_away_is_worth_another_try(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_secret: str) -> None:
        raise OperationalError("at db.example, password=1234")

    monkeypatch.setattr(tokens, "find", away)
    answer = ask(body=ORDER)
    assert code(answer, 503) == "database_away"
    assert answer["Retry-After"] == "5"
    assert b"1234" not in answer.content


def test_a_database_that_goes_away_under_a_call_leaves_it_unknown_what_was_done(
    ask: Ask, open_kitchen: Kitchen
) -> None:
    open_kitchen.raises = OperationalError("at db.example")
    answer = ask(body=ORDER)
    assert code(answer, 503) == "database_away"
    assert answer.json()["is_known"] is False


def test_a_file_comes_as_a_form(ask: Ask, secret: str) -> None:
    client, headers = Client(), {"authorization": f"Bearer {secret}", "idempotency-key": "a"}

    def send(content: bytes) -> Any:
        return client.post("/api/v1/leaves", {"file": SimpleUploadedFile("leaf.png", content)}, headers=headers)

    assert outcome(send(b"12345"), 200)["data"] == {"size": 5}
    assert send(b"12345")["Idempotent-Replayed"] == "true"
    assert code(send(b"54321"), 409) == "key_used"
    assert code(send(b"x" * 200_000), 413) == "too_large"
    broken = client.generic("POST", "/api/v1/leaves", b"x", content_type="multipart/form-data", headers=headers)
    assert code(broken, 400) == "not_understood"


def test_cookies_and_sessions_do_not_count(open_kitchen: Kitchen, tea_room: Connection, browser: Client) -> None:
    answer = browser.post(f"/api/v1/connections/{tea_room.pk}/brew", ORDER, content_type="application/json")
    assert code(answer, 401) == "no_token"


def test_refusals_are_logged_without_the_token(ask: Ask, secret: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        ask("/api/v1/nothing")
        ask(body=b"{")
    assert secret not in caplog.text
