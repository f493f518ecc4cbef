"""Rate limit of the public forms, counted for each network."""

from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from referrals import lifecycle, throttling
from referrals.models import Advocate, Program
from sorae.cache import ForgetfulRedisCache
from tests import servers

NOON = "2026-11-21T12:00Z"
ADDRESS = "/join/tea-house/friends"


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    time_machine.move_to(NOON, tick=False)
    monkeypatch.setattr(throttling, "MOST_POSTS", 2)
    cache.clear()


def send(program: Program, address: str, form: str = ADDRESS) -> Any:
    return Client(REMOTE_ADDR=address).post(form, {"email": "cid@example.com"})


def test_too_many_posts_have_to_wait(program: Program, time_machine: Any) -> None:
    assert [send(program, "203.0.113.1").status_code for _ in range(3)] == [302, 302, 429]
    answer = send(program, "203.0.113.1")
    assert answer["Retry-After"] == "600"
    assert b"try again in 10 minutes" in answer.content
    assert answer["Cache-Control"] == "no-store"
    time_machine.move_to("2026-11-21T12:10Z", tick=False)
    assert send(program, "203.0.113.1").status_code == 302


def test_looking_is_never_limited(program: Program) -> None:
    assert {Client().get(ADDRESS).status_code for _ in range(9)} == {200}


def test_neighbours_are_one_visitor_and_others_are_not(program: Program) -> None:
    answers = [send(program, address).status_code for address in ("203.0.113.1", "203.0.113.2", "203.0.113.3")]
    assert answers == [302, 302, 429]
    assert send(program, "203.0.114.1").status_code == 302


def test_each_form_has_its_own_limit(program: Program, ann: Advocate) -> None:
    invite = lifecycle.invite(ann, "ben@example.com")
    assert [send(program, "203.0.113.1").status_code for _ in range(3)][-1] == 429
    assert send(program, "203.0.113.1", f"/i/{invite.uid}").status_code == 200


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2345::1", "2001:db8:1:2300::/56"),
        ("::1", "::/56"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("fe80::1%eth0", "fe80::/56"),
        ("unknown", "unknown"),
        ("", ""),
    ],
)
def test_a_network_is_what_one_provider_gives_out(address: str, network: str) -> None:
    assert throttling.network(address) == network


def test_no_address_is_stored(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def add(key: str, *_: int) -> bool:
        keys.append(key)
        return True

    monkeypatch.setattr(cache, "add", add)
    send(program, "203.0.113.77")
    assert keys
    assert "203.0" not in "".join(keys)


def test_a_cache_that_is_away_stops_nobody(
    program: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(*_: Any) -> bool:
        raise ConnectionError("redis://secret")

    monkeypatch.setattr(cache, "add", away)
    assert send(program, "203.0.113.1").status_code == 302
    assert "could not be counted: ConnectionError" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize("proxies", [1, 2])
@pytest.mark.parametrize("forged", ["10.{}.1.1, ", "10.{}.1.1, " * 500, "x{}" * 900 + ",", ",,,{},,,"])
def test_nobody_chooses_the_address_that_counts(program: Program, settings: Any, forged: str, proxies: int) -> None:
    settings.TRUSTED_PROXIES = proxies
    told = [forged.replace("{}", str(number)) + ", ".join(["203.0.113.7"] * proxies) for number in range(3)]
    answers = [
        Client(REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": header}).post(ADDRESS, {"email": "x"})
        for header in told
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 429]


def test_behind_a_proxy_each_visitor_counts_alone(program: Program, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    for number in range(6):
        visitor = Client(REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": f"203.0.{number}.7"})
        assert visitor.post(ADDRESS, {"email": "x"}).status_code == 200


def test_a_redis_that_is_away_stops_nobody(
    program: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = ForgetfulRedisCache([f"redis://:secret@127.0.0.1:{servers.free_port()}/0"], {"KEY_PREFIX": "sorae:cache"})
    monkeypatch.setattr(throttling, "cache", nowhere)
    assert {send(program, "203.0.113.1").status_code for _ in range(5)} == {302}
    assert "The cache does not answer: ConnectionError" in caplog.text
    assert "secret" not in caplog.text
