"""Logs, by line or as JSON: no person, no secret, no link that belongs to one person."""

import json
import logging
import sys
import unicodedata
from collections.abc import Iterator

import pytest

from sorae import logs

CANARIES = [
    "ann.lee+tea@example.com",
    "ann%40example.co.uk",
    "kv-access-0123456789abcdef",
    "kv-refresh-0123456789abcdef",
    "kv-secret-0123456789",
    "kv-code-0123456789",
    "pk_" + "0123456789abcdef",
    "K7Q2M9XPTA",
    "+49 151 2345 6789",
]


def sentences() -> Iterator[tuple[str, tuple[object, ...]]]:
    """A message and its arguments, each with a canary in it."""
    person, quoted, access, refresh, secret, code, key, share, phone = CANARIES
    yield "Profile %s was refused", (person,)
    yield "GET /api/profiles?filter=any(email,['%s'])", (quoted,)
    yield "Authorization: Bearer %s", (access,)
    yield "headers: %s", ({"Authorization": f"Bearer {access}"},)
    yield "answer: %s", (json.dumps({"access_token": access, "refresh_token": refresh}),)
    yield "client_secret=%s&x=1", (secret,)
    yield "GET /admin/integrations/klaviyo/callback?code=%s&state=%s", (code, code)
    yield "Klaviyo-API-Key %s was refused", (key,)
    yield "the key %s", (key,)
    yield "%s landed", (f"https://example.com/r/{share}",)
    yield "It failed: %s", (ValueError(f"no number: {phone} of {person}"),)
    yield "Connecting to %s", (f"postgres://sorae:{secret}@database.example.com/sorae",)


@pytest.mark.parametrize("formatter", [logs.Line(), logs.Json()], ids=["line", "json"])
@pytest.mark.parametrize(("message", "arguments"), [*sentences()])
def test_no_canary_comes_through(formatter: logging.Formatter, message: str, arguments: tuple[object, ...]) -> None:
    written = formatter.format(record(message, *arguments))
    assert [canary for canary in CANARIES if canary in written] == []


@pytest.mark.parametrize("formatter", [logs.Line(), logs.Json()], ids=["line", "json"])
def test_nor_in_a_traceback(formatter: logging.Formatter) -> None:
    try:
        raise ValueError(f"Nobody knows {CANARIES[0]}")
    except ValueError:
        said = record("It broke off")
        said.exc_info = sys.exc_info()
    written = formatter.format(said)
    assert CANARIES[0] not in written
    assert "ValueError" in written
    assert "test_logs.py" in written


@pytest.mark.parametrize(
    "plain",
    [
        "Connection 12 must be connected again: access_refused.",
        "celery@worker-1 ready.",
        "The database does not answer (OperationalError); it is tried again.",
        "2026-11-21T10:00:00+00:00 is when the state: queued began, code: throttled",
        "GET /admin/klaviyo/sends/12/ 200",
    ],
)
def test_what_is_harmless_stays_as_it_is(plain: str) -> None:
    assert json.loads(logs.Json().format(record(plain)))["message"] == plain


def test_json_is_one_object_a_line_and_says_what_it_is_about() -> None:
    said = record("Refused:\n%s", "no")
    said.connection_id, said.delivery_id, said.operation = 3, 14, "create_event"
    written = logs.Json().format(said)
    assert "\n" not in written
    assert json.loads(written) == {
        "time": json.loads(written)["time"],
        "level": "WARNING",
        "logger": "integrations.workers.worker",
        "message": "Refused:\nno",
        "connection": 3,
        "delivery": 14,
        "operation": "create_event",
    }


def forged() -> list[str]:
    """What would begin a line of its own, or command a terminal, in each way there is."""
    return [chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp", "Cs")]


@pytest.mark.parametrize("formatter", [logs.Line(), logs.Json()], ids=["line", "json"])
def test_text_from_outside_begins_no_line_and_commands_no_terminal(formatter: logging.Formatter) -> None:
    for character in [*forged(), "\u202e", "\u200f", "\ufeff", "\U000e0041"]:
        text = f"refused{character}2026-11-21 10:00:00 INFO sorae all is well"
        said = record("Connection %s: %s", 3, text)
        said.operation = text
        written = formatter.format(said)
        assert character not in written
        assert written.isprintable()
        assert written.encode()


def test_json_says_in_the_end_what_was_said() -> None:
    for character in [*forged(), "\U000e0041", "\\", '"', "ü", "😀"]:
        text = f"a{character}b"
        assert json.loads(logs.Json().format(record("%s", text)))["message"] == text


@pytest.mark.parametrize("how", ["cause", "context", "note", "cached", "stack"])
def test_nor_does_an_error_in_its_own_words(how: str) -> None:
    line = "2026-11-21 10:00:00 INFO sorae all is well"
    said = record("It broke off")
    try:
        try:
            raise ValueError(f"inner\n{line}\x1b[2J")
        except ValueError as inner:
            outer = KeyError(f"outer\r\n{line}\u2028{line}")
            if how == "note":
                outer.add_note(f"a note\n{line}")
            if how == "cause":
                raise outer from inner
            raise outer  # noqa: B904
    except KeyError:
        said.exc_info = sys.exc_info()
    if how == "cached":
        said.exc_text = f"ValueError: {line}\n{line}"  # as another handler's formatter leaves it
    if how == "stack":
        said.stack_info = f"Stack\n{line}"
    first, *below = logs.Line().format(said).split("\n")
    assert first.endswith("It broke off")
    assert [one for one in below if not one.startswith("  ")] == []
    assert all(one.isprintable() for one in below)
    assert "inner" in "".join(below)
    assert "outer" in "".join(below)


def test_what_a_web_server_logs_for_itself_is_escaped_too() -> None:
    logger = logging.getLogger("gunicorn.access")
    logs.watch_servers()
    try:
        said = logging.LogRecord(logger.name, logging.INFO, "", 0, '"%(a)s"', ({"a": "curl\x1b[2J\u2028x"},), None)
        assert logger.filter(said)
        assert said.getMessage() == r'"curl\u001b[2J\u2028x"'
    finally:
        for known in logs.SERVERS:
            logging.getLogger(known).filters.clear()


def test_a_line_that_could_be_endless_is_masked_in_no_time() -> None:
    hostile = "a" * 50_000 + "@" + "b." * 50_000 + " token=" * 5_000 + "+1" * 20_000
    assert len(logs.Line().format(record(hostile))) > 1_000


def record(message: str, *arguments: object) -> logging.LogRecord:
    return logging.LogRecord("integrations.workers.worker", logging.WARNING, "", 0, message, arguments, None)
