"""Brute force: passwords of the admin are not guessed by trying, whatever becomes of Redis; nobody locks out others."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from referrals import tasks, throttling
from referrals.models import Landing, Program, Tally
from sorae import login_throttling
from tests import servers
from tests.referrals.test_referrals_races import at_once

HERE, NEXT_DOOR, ELSEWHERE = "203.0.113.5", "203.0.113.99", "198.51.100.7"


def sign_in(name: str, password: str, address: str = HERE) -> Any:
    return Client(REMOTE_ADDR=address).post(reverse("admin:login"), {"username": name, "password": password})


def is_in(answer: Any) -> bool:
    return bool(answer.status_code == 302)


def guess(name: str, address: str = HERE, times: int = login_throttling.MOST_FOR_A_NAME) -> None:
    for number in range(times):
        assert not is_in(sign_in(name, f"guess-{number}", address))


def test_after_some_wrong_ones_a_right_one_waits_too(operator: User) -> None:
    guess("operator")
    cache.clear()
    for name, address in (("operator", HERE), ("OPERATOR", HERE), ("operator", NEXT_DOOR)):
        answer = sign_in(name, "operator", address)
        assert not is_in(answer)
        assert login_throttling.WAIT.encode() in answer.content
    with time_machine.travel(timezone.now() + login_throttling.WINDOW + timedelta(seconds=1)):
        assert is_in(sign_in("operator", "operator"))


def test_fewer_wrong_ones_stop_nobody(operator: User) -> None:
    guess("operator", times=login_throttling.MOST_FOR_A_NAME - 1)
    assert is_in(sign_in("operator", "operator"))


def test_nobody_locks_out_somebody_elsewhere(operator: User) -> None:
    guess("operator", times=2 * login_throttling.MOST_FOR_A_NAME)
    assert is_in(sign_in("operator", "operator", ELSEWHERE))


def test_others_of_the_same_house_still_come_in_until_all_names_are_tried(operator: User) -> None:
    guess("somebody")
    assert is_in(sign_in("operator", "operator"))
    for number in range(login_throttling.MOST_FOR_ALL - login_throttling.MOST_FOR_A_NAME):
        sign_in(f"name-{number}", "x")
    assert not is_in(sign_in("operator", "operator"))


@pytest.mark.parametrize("times", [0, login_throttling.MOST_FOR_A_NAME])
def test_the_answer_is_the_same_whoever_is_asked_for(operator: User, times: int) -> None:
    guess("operator", times=times)
    guess("nobody", times=times)
    known, unknown = sign_in("operator", "wrong").content.decode(), sign_in("nobody", "wrong").content.decode()
    assert without_tokens(known, "operator") == without_tokens(unknown, "nobody")


def without_tokens(page: str, name: str) -> list[str]:
    return [line.replace(name, "…") for line in page.splitlines() if "csrfmiddlewaretoken" not in line]


def test_a_right_password_resets_nothing(operator: User) -> None:
    guess("operator", times=login_throttling.MOST_FOR_A_NAME - 1)
    for _ in range(3):
        assert is_in(sign_in("operator", "operator"))
    assert not is_in(sign_in("operator", "wrong"))
    assert login_throttling.WAIT.encode() in sign_in("operator", "operator").content


@pytest.mark.django_db(transaction=True)
def test_many_guesses_at_once_are_no_more_than_one_after_the_other(operator: User) -> None:
    looked_at: list[str] = []

    def look(self: AdminAuthenticationForm) -> dict[str, Any]:
        looked_at.append(self.cleaned_data["password"])
        raise ValidationError("Wrong.")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(AdminAuthenticationForm, "clean", look)
        everyone = 8 if connection.vendor == "postgresql" else 1
        at_once(everyone, lambda: guess("operator", times=login_throttling.MOST_FOR_A_NAME))
    assert len(looked_at) == login_throttling.MOST_FOR_A_NAME


def test_nothing_stored_says_who_or_where(operator: User) -> None:
    guess("operator", times=1)
    rows = str(list(Tally.objects.values()))
    assert Tally.objects.count() == 2
    assert not [word for word in ("operator", "203.0") if word in rows]
    with time_machine.travel(timezone.now() + login_throttling.WINDOW + timedelta(seconds=1)):
        tasks.forget()
    assert not Tally.objects.exists()


def each_from_a_port_of_its_own(number: int) -> dict[str, str]:
    """What a gateway says of one who connects anew each time."""
    forms = (
        "203.0.113.7:{0}",
        "[::ffff:203.0.113.7]:{0}",
        "::ffff:203.0.113.7",
        "203.0.113.{1}:{0}",
        '"203.0.113.7:{0}"',
    )
    return {"X-Forwarded-For": f"10.0.0.{number}, " + forms[number % len(forms)].format(40_000 + number, number % 250)}


def unreadable(number: int) -> dict[str, str]:
    """What tells nobody apart counts with the gateway itself."""
    forms = (
        "unknown",
        "_hidden{0}",
        "{0}",
        "203.0.113.7:port{0}",
        "203.0.113.{0}{0}{0}{0}",
        "x" * 200 + "{0}",
        "[{0}]",
        "%{0}",
    )
    return {"X-Forwarded-For": f"10.0.0.{number}, " + forms[number % len(forms)].format(number)}


@pytest.mark.parametrize("told", [each_from_a_port_of_its_own, unreadable])
def test_a_gateway_that_names_ports_lets_nobody_guess_on(
    told: Callable[[int], dict[str, str]], operator: User, spring: Program, settings: Any, time_machine: Any
) -> None:
    settings.TRUSTED_PROXIES = 1
    time_machine.move_to("2026-11-29T12:00Z", tick=False)
    browser = Client(REMOTE_ADDR="192.0.2.1")
    for number in range(60):
        sign_in = {"username": "operator", "password": f"guess-{number}"}
        answer = browser.post(reverse("admin:login"), sign_in, headers=told(number))
        assert (login_throttling.WAIT.encode() in answer.content) == (number >= login_throttling.MOST_FOR_A_NAME)
    forms = [
        browser.post("/join/tea-house/spring", {"email": "x"}, headers=told(number)).status_code for number in range(40)
    ]
    assert forms == [200] * throttling.MOST_POSTS + [429] * (40 - throttling.MOST_POSTS)


IMPATIENT = {"OPTIONS": {"socket_connect_timeout": 0.5, "socket_timeout": 0.5}}
READ_ONLY = b"-READONLY You can't write against a read only replica.\r\n"


@contextmanager
def redis_that_says(words: bytes | None) -> Iterator[int]:
    """The port of a Redis that answers everything with these words, or (None) takes connections and says nothing."""

    class Talk(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                while self.request.recv(65_536):
                    if words is not None:
                        self.request.sendall(words)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("redis", ["away", "silent", "read-only"])
def test_wrong_passwords_and_forms_are_counted_whatever_redis_does(
    redis: str, operator: User, spring: Program, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "MOST_POSTS", 2)
    with redis_that_says(READ_ONLY if redis == "read-only" else None) as port:
        settings.REDIS_URL = f"redis://127.0.0.1:{port if redis != 'away' else servers.free_port()}/0"
        settings.CACHES = {
            "default": {"BACKEND": "sorae.cache.ForgetfulRedisCache", "LOCATION": [settings.REDIS_URL]} | IMPATIENT
        }
        guess("operator")
        assert login_throttling.WAIT.encode() in sign_in("operator", "operator").content
        assert is_in(sign_in("operator", "operator", ELSEWHERE))
        forms = [Client(REMOTE_ADDR=HERE).post("/join/tea-house/spring", {"email": "kim@example.com"}) for _ in "123"]
        assert [answer.status_code for answer in forms] == [302, 302, 429]
        browser = Client(REMOTE_ADDR=HERE, HTTP_USER_AGENT="Firefox")
        assert browser.get("/r/ZZZZZZZZZZZZ").status_code == 302
        assert Landing.objects.count() == 1
