"""Rate limit of the public forms, counted for each network, in the database."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from referrals import lifecycle, tallies, tasks, throttling, visitors
from referrals.models import Advocate, Program, Tally
from tests.referrals.test_referrals_races import at_once

NOON = "2026-11-21T12:00Z"
ADDRESS = "/join/tea-house/friends"


@pytest.fixture(autouse=True)
def at_noon(time_machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    time_machine.move_to(NOON, tick=False)
    monkeypatch.setattr(throttling, "MOST_POSTS", 2)


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
        ("203.0.113.77:4711", "203.0.113.0/24"),
        ("[2001:db8:1:2345::1]", "2001:db8:1:2300::/56"),
        ("[2001:db8:1:2345::1]:443", "2001:db8:1:2300::/56"),
        ("[::ffff:203.0.113.77]:443", "203.0.113.0/24"),
        ('"[2001:db8:1:2345::1]:443"', "2001:db8:1:2300::/56"),
        ("unknown", ""),
        ("_hidden", ""),
        ("203.0.113.77:x", ""),
        ("203.0.113", ""),
        ("[203.0.113.77", ""),
        ("", ""),
    ],
)
def test_a_network_is_what_one_provider_gives_out(address: str, network: str) -> None:
    assert throttling.network(address) == network


HOPS = [  # as many proxies as are trusted, what they say, and the visitor's own address
    (0, "198.51.100.1, 198.51.100.2", "192.0.2.1"),
    (1, "203.0.113.7", "203.0.113.7"),
    (1, "203.0.113.7:4711", "203.0.113.7"),
    (1, "10.0.0.1, 203.0.113.7:4711", "203.0.113.7"),
    (1, "::ffff:203.0.113.7", "203.0.113.7"),
    (1, "2001:db8::7", "2001:db8::7"),
    (1, "[2001:db8::7]", "2001:db8::7"),
    (1, "[2001:db8::7]:4711", "2001:db8::7"),
    (1, "2001:0DB8:0:0::7", "2001:db8::7"),
    (2, "10.0.0.1, 203.0.113.7:1, 198.51.100.9:2", "203.0.113.7"),
    (3, "203.0.113.7, [2001:db8::8]:1, 198.51.100.9", "203.0.113.7"),
    (5, "203.0.113.7:1, 198.51.100.9", "203.0.113.7"),
    (1, "203.0.113.7:", "203.0.113.7"),
    (1, " 203.0.113.7:40001 ", "203.0.113.7"),
    (1, "::ffff:203.0.113.7:40001", "203.0.113.7"),
    (1, "2001:db8:1:2:3:4:5:7:40001", "2001:db8:1:2:3:4:5:7"),
    (1, "2001:db8::7:40001", "2001:db8::7"),
    (1, "fe80::7%eth0:40001", "fe80::7"),
    (1, "203.0.113.7:4711:4712", "192.0.2.1"),
    (1, "203.0.113.7:http", "192.0.2.1"),
    (1, "[203.0.113.7", "192.0.2.1"),
    (1, "[unknown]:4711", "192.0.2.1"),
    (1, "for=203.0.113.7", "192.0.2.1"),
    (1, "localhost:4711", "192.0.2.1"),
    (1, "unknown", "192.0.2.1"),
    (1, "_hidden:4711", "192.0.2.1"),
    (1, "10.0.0.1, 999.1.1.1", "192.0.2.1"),
    (1, "10.0.0.1, \u0663.1.1.1", "192.0.2.1"),
    (2, "203.0.113.7, unknown, 198.51.100.9", "192.0.2.1"),
    (1, "", "192.0.2.1"),
]


@pytest.mark.parametrize(("proxies", "told", "own"), HOPS)
def test_the_visitors_own_address_counts_however_proxies_write_it(
    rf: Any, settings: Any, proxies: int, told: str, own: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = rf.get("/", REMOTE_ADDR="192.0.2.1:60000", HTTP_X_FORWARDED_FOR=told)
    assert visitors.address(request) == own
    direct = rf.get("/", REMOTE_ADDR=own, HTTP_USER_AGENT="Firefox")
    proxied = rf.get("/", REMOTE_ADDR="192.0.2.1:60000", HTTP_X_FORWARDED_FOR=told, HTTP_USER_AGENT="Firefox")
    settings.TRUSTED_PROXIES = 0
    expected = throttling.mark(direct), visitors.mark(direct)
    settings.TRUSTED_PROXIES = proxies
    assert (throttling.mark(proxied), visitors.mark(proxied)) == expected


def test_whoever_cannot_be_read_counts_with_the_peer(program: Program, settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    told = ["unknown", "_secret", "unknown:17"]
    clients = [Client(REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": word}) for word in told]
    assert [client.post(ADDRESS, {"email": "x"}).status_code for client in clients] == [200, 200, 429]


def test_on_a_socket_in_the_file_system_all_are_one(program: Program) -> None:
    assert [send(program, peer).status_code for peer in ("", "unix:", "@")] == [302, 302, 429]


def test_no_address_is_stored(program: Program) -> None:
    send(program, "203.0.113.77")
    (row,) = Tally.objects.values()
    assert "203.0" not in str(row)
    assert len(row["key"]) == 64


def test_tallies_that_are_over_are_deleted(program: Program, time_machine: Any) -> None:
    send(program, "203.0.113.1")
    time_machine.move_to("2026-11-21T12:05Z", tick=False)
    send(program, "203.0.114.1")
    time_machine.move_to("2026-11-21T12:10Z", tick=False)
    tasks.forget()
    assert Tally.objects.count() == 1
    assert [send(program, "203.0.114.1").status_code for _ in range(2)] == [302, 429]


@pytest.mark.django_db(transaction=True)
def test_many_at_once_are_counted_exactly(time_machine: Any) -> None:
    everyone = 6 if connection.vendor == "postgresql" else 1
    numbers = at_once(everyone, lambda: tallies.count("tests", "here", throttling.WINDOW).number)
    assert sorted(numbers) == list(range(1, 2 * everyone + 1))


def test_what_is_taken_back_counts_no_more_and_never_in_another_window(db: None, time_machine: Any) -> None:
    first, second = (tallies.count("tests", "here", throttling.WINDOW) for _ in range(2))
    tallies.take_back([second])
    assert tallies.count("tests", "here", throttling.WINDOW).number == 2
    time_machine.move_to("2026-11-21T12:10Z", tick=False)
    assert tallies.count("tests", "here", throttling.WINDOW).number == 1
    tallies.take_back([first])
    assert tallies.count("tests", "here", throttling.WINDOW).number == 2


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
