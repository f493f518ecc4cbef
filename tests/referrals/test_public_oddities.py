"""Malformed requests to the public pages: they answer in words, and never with a mistake of ours."""

from typing import Any

import pytest
from django.test import Client

from referrals import lifecycle, messages
from referrals.models import Advocate, Landing, OptIn, OptOut, Program, Submission

URLENCODED = "application/x-www-form-urlencoded"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
FORMS = ["join", "invite", "unsubscribe"]


@pytest.fixture
def addresses(ann: Advocate, settings: Any) -> dict[str, str]:
    invite = lifecycle.invite(ann, "ben@example.com")
    return {
        "join": "/join/tea-house/friends",
        "invite": f"/i/{invite.uid}",
        "unsubscribe": messages.unsubscribe_address(invite).removeprefix(settings.SITE_URL),
        "share": f"/r/{ann.referral_code}",
    }


@pytest.fixture
def stranger() -> Client:
    return Client(enforce_csrf_checks=True, HTTP_USER_AGENT=BROWSER)


def stored() -> int:
    known = Advocate.objects.count() - 1
    return known + Submission.objects.count() + OptIn.objects.count() + OptOut.objects.count()


def multipart(*parts: bytes) -> dict[str, Any]:
    body = b"".join(b"--x\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts) + b"--x--\r\n"
    return {"data": body, "content_type": "multipart/form-data; boundary=x"}


def urlencoded(body: bytes | str) -> dict[str, Any]:
    return {"data": body, "content_type": URLENCODED}


BODIES = {
    "NUL": urlencoded("email=%00&first_name=%00&scope=%00&subject=%00&List-Unsubscribe=%00&phone=%00&wants_email=%00"),
    "half a character": urlencoded("email=%ED%A0%80&first_name=%ED%A0%80&scope=%ED%A0%80"),
    "no UTF-8": urlencoded("email=%FF%FE&scope=%FF"),
    "ten megabytes": urlencoded(b"email=" + b"a" * 10_000_000),
    "a large file": multipart(b'name="email"; filename="a"\r\n\r\n' + b"a" * 10_000_000),
    "a file": multipart(b'name="email"; filename="a\0"\r\n\r\nx', b'name="scope"; filename="b"\r\n\r\ninvites'),
    "many fields": urlencoded("&".join(f"f{number}=" for number in range(2_000))),
    "no boundary": {"data": b"x", "content_type": "multipart/form-data"},
    "cut short": {"data": b"--x\r\nContent-Disposition: form-da", "content_type": "multipart/form-data; boundary=x"},
    "no base 64": multipart(b'name="email"\r\nContent-Transfer-Encoding: base64\r\n\r\n!'),
    "JSON": {"data": b'{"email": "x"}', "content_type": "application/json"},
    "nothing": {"data": b"", "content_type": ""},
}


@pytest.mark.parametrize("what", FORMS)
@pytest.mark.parametrize("body", BODIES)
def test_a_strange_body_is_answered_and_stores_nothing(
    addresses: dict[str, str], stranger: Client, what: str, body: str
) -> None:
    answer = stranger.generic("POST", addresses[what], **BODIES[body])
    assert answer.status_code in (200, 302, 400), answer
    assert stored() == 0


@pytest.mark.parametrize("what", [*FORMS, "share"])
@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_other_methods_are_not_allowed(addresses: dict[str, str], stranger: Client, what: str, method: str) -> None:
    answer = getattr(stranger, method)(addresses[what])
    assert answer.status_code == 405
    assert "GET, HEAD" in answer["Allow"]


@pytest.mark.parametrize("what", [*FORMS, "share"])
def test_head_answers_like_get(addresses: dict[str, str], stranger: Client, what: str) -> None:
    head, get = stranger.head(addresses[what]), stranger.get(addresses[what])
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert [head.get(name) for name in ("Location", "Cache-Control", "Referrer-Policy")] == [
        get.get(name) for name in ("Location", "Cache-Control", "Referrer-Policy")
    ]


@pytest.mark.parametrize("what", [*FORMS, "share"])
@pytest.mark.parametrize(
    "query", ["thanks=%00", "%ED%A0%80=%ED%A0%80", "i=%00", "i=" + "1" * 100_000, "&" * 900, "thanks" * 9_000]
)
def test_a_strange_query_is_answered(addresses: dict[str, str], stranger: Client, what: str, query: str) -> None:
    answer = stranger.get(f"{addresses[what]}?{query}")
    assert answer.status_code in (200, 302)


@pytest.mark.parametrize("length", ["-1", "x", "9" * 40, "", "1e3", "٣"])
def test_a_strange_length_is_answered(addresses: dict[str, str], stranger: Client, length: str) -> None:
    answer = stranger.post(addresses["join"], **urlencoded("email=x"), CONTENT_LENGTH=length)
    assert answer.status_code in (200, 302, 400)


@pytest.mark.parametrize(
    "path",
    [
        "/join/%00/friends",
        "/join/tea-house/%ED%A0%80",
        "/i/%00%00",
        "/u/%00.%00",
        "/u/%ED%A0%80.x",
        "/u/" + "a." * 5_000,
    ],
)
@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_a_strange_address_is_not_found(ann: Advocate, stranger: Client, path: str, method: str) -> None:
    assert getattr(stranger, method)(path).status_code == 404


def test_what_a_store_is_called_is_escaped_on_every_page(addresses: dict[str, str], stranger: Client) -> None:
    evil = '"><script>alert(1)</script>{{ 1 }}'
    Program.objects.update(offer=evil, offer_code=evil)
    store = Program.objects.get().store
    store.name = store.opt_in_text = store.sms_opt_in_text = evil
    store.save()
    for what in FORMS:
        for answer in (
            stranger.get(addresses[what]),
            stranger.post(addresses[what], {"email": evil, "scope": "invites"}),
        ):
            assert answer.status_code == 200
            assert b"<script" not in answer.content
            assert b"style=" not in answer.content


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("0b6ff16c-9c9e-4a3e-8a3c-2f4a7d0f6c11", "0b6ff16c-9c9e-4a3e-8a3c-2f4a7d0f6c11"),
        ("", "None"),
        ("x", "None"),
        ("0b6ff16c", "None"),
        ("1" * 5_000, "None"),
    ],
)
def test_a_share_link_keeps_the_invite_and_does_not_pass_it_on(
    addresses: dict[str, str], stranger: Client, told: str, kept: str
) -> None:
    answer = stranger.get(f"{addresses['share']}?i={told}")
    assert answer["Location"] == "https://teahouse.example" + addresses["share"].replace("/r/", "/?ref=")
    assert str(Landing.objects.get().invite_uid) == kept
