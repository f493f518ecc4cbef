"""Brute force: passwords of the admin are not guessed by trying, and nobody locks out somebody else."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sorae import login_throttling

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
    for name, address in (("operator", HERE), ("OPERATOR", HERE), ("operator", NEXT_DOOR)):
        answer = sign_in(name, "operator", address)
        assert not is_in(answer)
        assert login_throttling.WAIT.encode() in answer.content
    with time_machine.travel(timezone.now() + login_throttling.WINDOW + timedelta(seconds=1)):
        cache.clear()  # which a real cache does by itself
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
