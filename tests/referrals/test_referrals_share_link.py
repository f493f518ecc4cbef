"""The share link takes a friend to the shop, and tells nobody which codes exist."""

from collections.abc import Sequence
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from referrals import throttling, visitors, visits
from referrals.models import Advocate, Landing, Store

BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
UNKNOWN = "ZZZZZZZZZZZZ"


@pytest.fixture
def friend() -> Client:
    return Client(HTTP_USER_AGENT=BROWSER)


def follow(friend: Client, code: str, method: str = "get", **more: Any) -> Any:
    return getattr(friend, method)(f"/r/{code}", **more)


def test_a_friend_goes_on_to_the_shop_with_the_code(ann: Advocate, friend: Client) -> None:
    answer = follow(friend, ann.referral_code, headers={"Referer": "https://chat.example/room"})
    assert answer.status_code == 302
    assert answer["Location"] == f"https://teahouse.example/?ref={ann.referral_code}"
    landing = Landing.objects.get()
    assert (landing.code, landing.landing_page) == (ann.referral_code, answer["Location"])
    assert (landing.referrer, landing.channel) == ("https://chat.example/room", "link")


def test_the_share_link_of_a_person_is_the_address_that_is_served(ann: Advocate) -> None:
    assert ann.share_link.endswith(reverse("referrals:share_link", args=[ann.referral_code]))


def test_a_code_may_be_typed_in_small_letters(ann: Advocate, friend: Client) -> None:
    assert follow(friend, ann.referral_code.lower())["Location"].endswith(f"?ref={ann.referral_code}")
    assert Landing.objects.get().code == ann.referral_code


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("browser", [BROWSER, "Googlebot/2.1"])
def test_known_and_unknown_codes_get_the_same_answer_for_the_same_work(
    ann: Advocate, method: str, browser: str
) -> None:
    answers = []
    for code in (ann.referral_code, UNKNOWN):
        friend = Client(HTTP_USER_AGENT=browser)
        with CaptureQueriesContext(
            connection,
        ) as work:
            answer = follow(friend, code, method)
        headers = {name: value.replace(code, "CODE") for name, value in answer.headers.items()}
        statements = [query["sql"].split(None, 1)[0] for query in work]
        answers.append((answer.status_code, headers, answer.content, statements, answer.cookies.output()))
    assert answers[0] == answers[1]
    is_counted = method == "get" and browser == BROWSER
    assert answers[0][3] == (["SELECT", "INSERT", "INSERT"] if is_counted else ["SELECT"])
    assert Landing.objects.count() == (2 if is_counted else 0)


def test_an_unknown_code_always_leads_to_the_same_shop(ann: Advocate, friend: Client) -> None:
    for number in range(4):
        slug = f"shop-{number}"
        Store.objects.create(slug=slug, name=slug, url=f"https://{slug}.example/", country="DE", currency="EUR")
    unknown = [f"{number:08d}" for number in range(60)]
    shops = [follow(friend, code)["Location"].split("/?")[0] for code in unknown]
    assert shops == [follow(friend, code)["Location"].split("/?")[0] for code in unknown]
    assert set(shops) <= {store.url.rstrip("/") for store in Store.objects.all()}


def test_unknown_codes_fall_on_the_next_shop_of_the_ring(ann: Advocate, friend: Client) -> None:
    Store.objects.update(ring=0)
    Store.objects.create(
        slug="last", name="Last", url="https://last.example/", country="DE", currency="EUR", ring=2**31 - 1
    )
    assert follow(friend, UNKNOWN)["Location"] == f"https://last.example/?ref={UNKNOWN}"
    Store.objects.update(ring=0)  # all are behind: round to the first
    assert follow(friend, UNKNOWN)["Location"].startswith("https://teahouse.example/")


def test_without_any_shop_every_code_leads_nowhere(db: None, friend: Client) -> None:
    answer = follow(friend, UNKNOWN)
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert b"send it again" in answer.content


@pytest.mark.parametrize(
    "code",
    [
        "ABC",
        "A" * 33,
        "A" * 100_000,
        "ABCDEFGU",
        "ABCD-EFGHJ",
        "%00" * 8,
        "%F0%9F%8D%B5" * 8,
        "ABCDEFGH%0A",
        "%FF" * 8,
        "https:",
        "..%2F..%2Fadmin",
        "ABCDEFGH/",
        "ABCDEFGH/evil.example",
    ],
)
def test_what_cannot_be_a_code_is_not_found(ann: Advocate, friend: Client, code: str) -> None:
    assert follow(friend, code).status_code == 404
    assert not Landing.objects.exists()


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options"])
def test_other_methods_are_not_allowed(ann: Advocate, method: str) -> None:
    answer = follow(Client(enforce_csrf_checks=True), ann.referral_code, method)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert not Landing.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        "next=https://evil.example/",
        "url=//evil.example&ref=STOLEN",
        "ref=STOLEN",
        "channel=https://evil.example",
        "%0d%0aLocation:%20https://evil.example",
        "x=" + "a" * 100_000,
        "channel=%00",
        "%FF=%FF",
    ],
)
def test_the_destination_never_comes_from_the_query(ann: Advocate, friend: Client, query: str) -> None:
    answer = follow(friend, f"{ann.referral_code}?{query}")
    assert answer["Location"] == f"https://teahouse.example/?ref={ann.referral_code}"
    assert Landing.objects.get().channel == "link"


def test_neither_does_it_come_from_the_host_or_a_header(ann: Advocate, friend: Client) -> None:
    answer = follow(friend, ann.referral_code, headers={"X-Forwarded-Host": "evil.example", "Origin": "null"})
    assert answer["Location"].startswith("https://teahouse.example/")


@pytest.mark.parametrize(
    ("shop", "page"),
    [
        ("https://t.example", "https://t.example/?ref=CODE"),
        ("https://t.example/de/", "https://t.example/de/?ref=CODE"),
        ("https://t.example/?a=1&b=", "https://t.example/?a=1&b=&ref=CODE"),
        ("https://t.example/?ref=old&a=ü", "https://t.example/?a=%C3%BC&ref=CODE"),
        ("https://t.example/#tea", "https://t.example/?ref=CODE#tea"),
    ],
)
def test_the_code_is_added_to_the_shops_own_address(
    ann: Advocate, tea_house: Store, friend: Client, shop: str, page: str
) -> None:
    Store.objects.update(url=shop)
    assert follow(friend, ann.referral_code)["Location"] == page.replace("CODE", ann.referral_code)


def test_the_answer_is_neither_kept_nor_indexed(ann: Advocate, friend: Client) -> None:
    answer = follow(friend, ann.referral_code)
    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert "Set-Cookie" not in answer


def test_the_channel_of_an_invites_link_is_kept(ann: Advocate, friend: Client) -> None:
    follow(friend, f"{ann.referral_code}?channel=sms")
    assert Landing.objects.get().channel == "sms"


@pytest.mark.parametrize(
    "browser",
    [
        "",
        "Googlebot/2.1",
        "Mozilla/5.0 (compatible; bingbot/2.0)",
        "Mozilla/5.0 (compatible; YandexBot/3.0)",
        "facebookexternalhit/1.1",
        "Slackbot-LinkExpanding 1.0",
        "TelegramBot (like TwitterBot)",
        "SkypeUriPreview Preview/0.5",
        "WhatsApp/2.23",
        "curl/8.5",
        "python-requests/2.32",
        "Mozilla/5.0 HeadlessChrome/140.0",
    ],
)
def test_machines_are_sent_on_and_not_counted(ann: Advocate, browser: str) -> None:
    assert follow(Client(HTTP_USER_AGENT=browser), ann.referral_code).status_code == 302
    assert not Landing.objects.exists()


@pytest.mark.parametrize(
    "browser",
    [
        BROWSER,
        "Mozilla/5.0 (Linux; Android 14; CUBOT X70) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148 [FBAN/FBIOS;FBAV/480.0]",
        "x" * 9_000,
    ],
)
def test_people_are_counted(ann: Advocate, browser: str) -> None:
    follow(Client(HTTP_USER_AGENT=browser), ann.referral_code)
    assert Landing.objects.count() == 1


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}, {"X-Purpose": "preview"}],
)
def test_a_page_fetched_ahead_of_a_click_is_not_counted(ann: Advocate, friend: Client, headers: dict[str, str]) -> None:
    assert follow(friend, ann.referral_code, headers=headers).status_code == 302
    assert not Landing.objects.exists()


@pytest.mark.parametrize("referrer", ["https://s.example/" + "a" * 100_000, "x\0y", "caf\xe9\ud800", "\r\n"])
def test_any_referrer_is_bounded_and_storable(ann: Advocate, friend: Client, referrer: str) -> None:
    follow(friend, ann.referral_code, headers={"Referer": referrer})
    stored = Landing.objects.get().referrer
    assert len(stored) <= 500
    assert stored.isprintable()


def test_a_visitors_address_is_stored_nowhere(ann: Advocate, friend: Client) -> None:
    follow(friend, ann.referral_code, REMOTE_ADDR="203.0.113.77")
    (row,) = Landing.objects.values()
    assert "203.0.113.77" not in str(row)
    assert BROWSER not in str(row)
    assert len(row["visitor"]) == 64


def land_often(number: int, codes: Sequence[str], network: str = "203.0.113") -> list[Any]:
    """The answers to one network whose browsers change their names."""
    return [
        follow(Client(HTTP_USER_AGENT=f"{BROWSER} {n}", REMOTE_ADDR=f"{network}.{n % 200}"), codes[n % len(codes)])
        for n in range(number)
    ]


def test_a_network_whose_browsers_change_makes_few_visits_and_is_sent_on_all_the_same(
    ann: Advocate, heard: list[tuple[str, Any]]
) -> None:
    answers = land_often(300, [ann.referral_code])
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {
        (302, f"https://teahouse.example/?ref={ann.referral_code}")
    }
    assert Landing.objects.count() == throttling.MOST_LANDINGS
    visits.count()
    assert ann.visits.count() == len(heard) == visits.MOST_OF_A_NETWORK
    assert not Landing.objects.exists()


def test_guessing_codes_stores_little_and_known_ones_look_like_unknown_ones(ann: Advocate) -> None:
    with CaptureQueriesContext(connection) as before:
        land_often(throttling.MOST_LANDINGS, [f"{number:012d}" for number in range(200)])
    assert Landing.objects.count() == throttling.MOST_LANDINGS
    works = []
    for code in (ann.referral_code, UNKNOWN):
        with CaptureQueriesContext(connection) as work:
            (answer,) = land_often(1, [code])
        statements = [query["sql"].split(None, 1)[0] for query in work]
        works.append((answer.status_code, answer.content, statements))
    assert works[0] == works[1]
    assert works[0][2] == ["SELECT", "INSERT"]
    assert len(before) == 3 * throttling.MOST_LANDINGS
    assert Landing.objects.count() == throttling.MOST_LANDINGS


def test_other_networks_are_not_held_back(ann: Advocate) -> None:
    land_often(throttling.MOST_LANDINGS + 1, [UNKNOWN])
    land_often(1, [ann.referral_code], "198.51.100")
    visits.count()
    assert ann.visits.count() == 1


def marks(rf: Any, *requests: dict[str, str]) -> list[str]:
    return [visitors.mark(rf.get("/", **request)) for request in requests]


def test_a_mark_is_of_one_browser_on_one_day(rf: Any, time_machine: Any, settings: Any) -> None:
    time_machine.move_to("2026-11-01T10:00Z", tick=False)
    ben = {"REMOTE_ADDR": "203.0.113.1", "HTTP_USER_AGENT": BROWSER}
    first, same, elsewhere, other = marks(
        rf, ben, ben, ben | {"REMOTE_ADDR": "203.0.113.2"}, ben | {"HTTP_USER_AGENT": "x"}
    )
    assert first == same
    assert len({first, elsewhere, other}) == 3
    time_machine.move_to("2026-11-02T10:00Z", tick=False)
    assert marks(rf, ben) != [first]
    time_machine.move_to("2026-11-01T10:00Z", tick=False)
    settings.SECRET_KEY = "another"
    assert marks(rf, ben) != [first]


def test_behind_proxies_the_browsers_own_address_counts(rf: Any, settings: Any) -> None:
    direct, spoofed = {"REMOTE_ADDR": "203.0.113.1"}, {"HTTP_X_FORWARDED_FOR": "10.9.9.9"}
    assert marks(rf, direct) == marks(rf, direct | spoofed)
    settings.TRUSTED_PROXIES = 1
    proxied = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "10.9.9.9, 203.0.113.1"}
    assert marks(rf, proxied) == marks(rf, direct)
    settings.TRUSTED_PROXIES = 5
    assert marks(rf, {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.1"}) == marks(rf, direct)


def test_a_friend_reaches_the_shop_though_the_landing_cannot_be_stored(
    ann: Advocate, friend: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def locked(**_: Any) -> None:
        raise DatabaseError("database is locked")

    monkeypatch.setattr(Landing.objects, "create", locked)
    assert follow(friend, ann.referral_code).status_code == 302
    assert "A landing could not be stored: DatabaseError" in caplog.text
