"""Encodings of a request: whichever it names, every page answers, and reads it as UTF-8."""

from collections.abc import Iterator

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from referrals import lifecycle, tasks
from referrals.models import Advocate, OptIn
from tests.referrals.wire import ask

PAGES = [
    "/",
    "/health/",
    "/admin/login/",
    "/nowhere",
    "/static/sorae/look.css",
    "/hooks/klaviyo",
    "/join/tea-house/friends",
]
CHARSETS = ["hex", "undefined", "punycode", "idna", "base64", "rot13", "utf-7", "utf-16", "nonsense", "é"]
TYPES = [
    *(f"text/plain; charset={charset}" for charset in CHARSETS),
    *(f"text/plain; charset*={charset}''%41" for charset in CHARSETS),
    *(f"text/plain; x*={charset}''%41" for charset in CHARSETS),
    "text/plain; charset=a\0b",
    "text/plain; charset=" + "x" * 8_000,
    "text/plain; charset*0=he; charset*1=x",
    ";" * 100,
]
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def one_connection() -> Iterator[None]:
    """The test's own database connection outlives its requests."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("content_type", TYPES)
def test_every_page_answers_a_query_of_any_type(ann: Advocate, content_type: str) -> None:
    invite = lifecycle.invite(ann, "ben@example.com")
    for page in [*PAGES, f"/i/{invite.uid}", f"/r/{ann.referral_code}"]:
        for method in ("GET", "POST", "PUT"):
            answer = ask(method, f"{page}?a=%00b", b"email=%41", content_type)
            assert answer.status < 500, (method, page)


@pytest.mark.parametrize("charset", [name for name in CHARSETS if name.isascii()])
@pytest.mark.parametrize("kind", [FORM, "multipart/form-data; boundary=x"])
def test_a_form_is_read_as_utf_8(ann: Advocate, kind: str, charset: str) -> None:
    name = "Zoë 🍵"
    body = f"email=zoe@example.com&first_name={name}"
    if kind != FORM:
        body = (
            "".join(
                f'--x\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
                for field, value in (("email", "zoe@example.com"), ("first_name", name))
            )
            + "--x--\r\n"
        )
    answer = ask("POST", "/join/tea-house/friends", body.encode(), f"{kind}; charset={charset}")
    assert answer.status == 302
    tasks.carry_out()
    assert Advocate.objects.get(email="zoe@example.com").first_name == name
    assert not OptIn.objects.exists()


def test_a_part_of_any_encoding_is_answered(ann: Advocate) -> None:
    for charset in CHARSETS:
        for words in (f"name*={charset}''email", f"name=\"email\"; filename*={charset}''%41"):
            part = f"--x\r\nContent-Disposition: form-data; {words}\r\n\r\nzz\r\n--x--\r\n"
            answer = ask("POST", "/join/tea-house/friends", part.encode(), "multipart/form-data; boundary=x")
            assert answer.status < 500, words
