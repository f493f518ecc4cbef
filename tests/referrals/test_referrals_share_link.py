"""The share link takes a friend to the shop, and tells nobody which codes exist."""

import time
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
STUCK = (
    *(
        [
            ".",
            ")",
            ").",
            ",",
            ";",
            "!",
            "?",
            ":",
            "…",
            "”",
            "%22",
            "'",
            "»",
            ">",
            "%3E",
            "]",
            "](https://x.example",
            "}",
            "*",
            "**",
            "_",
            "~",
            "|",
            "/",
            "/.",
            "=",
            "=3D",
            "`",
            "<br>",
            "&gt;",
            "です",
            ".Thanks",
            "_Thanks",
            "-thanks--a-lot",
            ".html",
            "...and%20more",
        ]
    ),
    *(
        [
            "%E2%80%99",
            "%20",
            "%0A",
            "%0D%0A",
            "%09",
            "%C2%A0",
            "%E2%80%8B",
            "%E3%80%82",
            "&x=1",
            "%3Fi=1",
            "%23top",
            "%5C",
        ]
    ),
)


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
        "%FF" * 8,
        "https:",
        "..%2F..%2Fadmin",
        "ABCDEFGH/evil.example",
        "ABC.",
        "...",
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
        "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; .NET4.0C; .NET4.0E; ms-office)",
        "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.10325; Pro)",
        "Mozilla/5.0 (compatible; Bluesky Cardyb/1.1; +mailto:support@bsky.app)",
        "http.rb/5.1.1 (Mastodon/4.2.1; +https://mastodon.example/)",
        "Mozilla/5.0 (compatible; NobodyHasHeardOfIt/1.0)",
        "Iframely/1.3.1 (+https://iframely.com/docs/about) Atlassian",
        "kakaotalk-scrap/1.0",
        "Slack-ImgProxy 1.106 (+https://api.slack.com/robots)",
        "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
        "Barracuda Sentinel (EE)",
        "PostmanRuntime/7.36",
        "Faraday v2.7",
        "com.apple.WebKit.Networking/8613 CFNetwork/1410 Darwin/22.6",
        "node",
        "Viber/13.3.0.21",
        "GoogleImageProxy",
        "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.19041",
        "Mozilla/5.0 (en-US) AppleWebKit/537.36 (KHTML, like Gecko; Google-Assess) Chrome/34.0.1847.116 Safari/537.36",
        "Mozilla/5.0 (compatible; MSIE 6.0; Windows NT 5.1) FortiGuard",
        "Mozilla/5.0",
        "-",
        "Some Fetcher (someone@mail.example.com)",
        "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) "
        "Chrome/140.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1)",
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
        "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
        "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 "
        "Mobile/15E148 Safari/604.1",
        "Mozilla/5.0 (Linux; Android 16; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 "
        "Chrome/140.0.0.0 Mobile Safari/537.36",
        "Opera/9.80 (Windows NT 6.1) Presto/2.12 Version/12.18",
        "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Mobile "
        "Safari/537.36 (Ecosia android@143.0.0.0)",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 "
        "Mobile/15E148 Safari/604.1 Ecosia ios@10.1.0.1871",
        "Mozilla/5.0 (Linux; Android 7.0; M bot 60 Build/NRD90M) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/58.0 "
        "Mobile Safari/537.36",
        "Mozilla/5.0 (Linux; Android 13; Spider 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
        "Mozilla/5.0 (Linux; U; Android 9; en-us; iRobot R10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 "
        "Mobile Safari/537.36",
        "Lynx/2.9.0dev.12 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.7.8",
    ],
)
def test_people_are_counted(ann: Advocate, browser: str) -> None:
    follow(Client(HTTP_USER_AGENT=browser), ann.referral_code)
    assert Landing.objects.count() == 1


@pytest.mark.parametrize("evil", ["a" * 500, "0" * 500, "(-_" * 166, "a b" * 166, "x/" * 250, " ;" * 250])
def test_no_name_of_a_browser_keeps_the_site_busy(rf: Any, evil: str) -> None:
    """Told in steps of the processor, whose time another process does not take."""
    began = time.thread_time()
    visitors.is_person(rf.get("/", HTTP_USER_AGENT=evil))
    assert time.thread_time() - began < 2


@pytest.mark.parametrize(
    ("agent", "is_one"),
    [
        (BROWSER, True),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148 [FBAN/FBIOS;FBAV/480.0]", True),
        ("Lynx/2.9.0 libwww-FM/2.14", True),
        ("SomeApp/1.0", False),
        ("Mozilla/5.0", False),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0", False),
        ("x" * 9_000, False),
        ("", False),
    ],
)
def test_a_browser_gives_the_name_of_one(rf: Any, agent: str, is_one: bool) -> None:
    assert visitors.is_browser(rf.get("/", HTTP_USER_AGENT=agent)) is is_one


@pytest.mark.parametrize("stuck", STUCK)
def test_what_sticks_to_a_link_loses_no_referral(ann: Advocate, friend: Client, stuck: str) -> None:
    answer = follow(friend, ann.referral_code + stuck)
    assert (answer.status_code, answer["Location"]) == (302, f"https://teahouse.example/?ref={ann.referral_code}")
    assert Landing.objects.get().code == ann.referral_code


@pytest.mark.parametrize(
    "before", ["*", "**", "_", "~", "[", "{", "{{", "%60", "“", "„", "«", "=", "%C2%A0", "%20", "(", "%3C"]
)
def test_neither_does_what_stands_before_it(ann: Advocate, friend: Client, before: str) -> None:
    answer = follow(friend, f"{before}{ann.referral_code}{before}")
    assert (answer.status_code, answer["Location"]) == (302, f"https://teahouse.example/?ref={ann.referral_code}")


@pytest.mark.parametrize("stuck", [".", ")", "%0A", "…", ">"])
def test_neither_is_the_invite_lost_that_brought_the_friend(ann: Advocate, friend: Client, stuck: str) -> None:
    uid = "0b6ff16c-9c9e-4a3e-8a3c-2f4a7d0f6c11"
    follow(friend, f"{ann.referral_code}?channel=sms{stuck}&i={uid}{stuck}")
    assert (str(Landing.objects.get().invite_uid), Landing.objects.get().channel) == (uid, "sms")


def test_an_invite_is_found_in_a_link_as_html_has_it(ann: Advocate, friend: Client) -> None:
    uid = "0b6ff16c-9c9e-4a3e-8a3c-2f4a7d0f6c11"
    follow(friend, f"{ann.referral_code}?utm_source=x&amp;channel=sms&amp;i={uid}&amp;utm_medium=y")
    assert (str(Landing.objects.get().invite_uid), Landing.objects.get().channel) == (uid, "sms")


UID = "0b6ff16c-9c9e-4a3e-8a3c-2f4a7d0f6c11"


@pytest.mark.parametrize(
    "tied",
    [
        f"%3Fi={UID}",
        f"%3Fi%3D{UID}",
        f"%3fi%3d{UID}",
        f"%3Fi={UID}.",
        f"%3Fi={UID}%26channel=sms",
        f"%3Fchannel%3Dsms%26amp%3Bi%3D{UID}",
        f"%253Fi%253D{UID}",
        f"%253fchannel%253dsms%2526i%253d{UID}",
        f"&i={UID}",
        f".%3Fi={UID}",
        f"%3Fi={UID}?utm_source=x",
        f"?channel=sms%26i%3D{UID}",
        f"?i%3D{UID}",
        f"?i=3D{UID}",
        f"?utm_source=x&amp%3Bi={UID}",
        f"?utm_source=x&amp;amp;i={UID}",
    ],
)
def test_an_invite_is_found_however_a_mail_program_has_encoded_the_link(
    ann: Advocate, friend: Client, tied: str
) -> None:
    assert follow(friend, f"{ann.referral_code}{tied}").status_code == 302
    assert str(Landing.objects.get().invite_uid) == UID


@pytest.mark.parametrize(
    "tied", ["%3Futm_source=caf%C3%A9&gclid=1", "%253Futm_source%253Dcaf%25C3%25A9%2526gclid%253D1"]
)
def test_a_campaign_that_is_tied_to_the_path_goes_on_to_the_shop(ann: Advocate, friend: Client, tied: str) -> None:
    answer = follow(friend, f"{ann.referral_code}{tied}")
    assert answer["Location"] == f"https://teahouse.example/?utm_source=caf%C3%A9&gclid=1&ref={ann.referral_code}"


@pytest.mark.parametrize(
    "tied", ["%3F%0d%0aX:%20y=1", "%3Futm_x=%0d%0aX:%20y", "%253Futm_x%253D%250d%250aX", "%3F" + "%FF" * 900]
)
def test_nothing_that_is_tied_to_the_path_makes_another_header(ann: Advocate, friend: Client, tied: str) -> None:
    answer = follow(friend, f"{ann.referral_code}{tied}")
    assert (answer.status_code, "X" in answer.headers) == (302, False)


CAMPAIGN = "utm_source=news&utm_medium=e-mail&gclid=a%2Bb&fbclid=IwAR0_x&_kx=Zm9v.AbCd&msclkid=1&utm_id=%C3%BC+%20"


def test_the_campaign_goes_on_to_the_shop_and_what_is_ours_does_not(ann: Advocate, friend: Client) -> None:
    code, uid = ann.referral_code, "0b6ff16c-9c9e-4a3e-8a3c-2f4a7d0f6c11"
    answer = follow(friend, f"{code}?i={uid}&channel=sms&{CAMPAIGN}&ref=STOLEN&next=//evil.example")
    assert answer["Location"] == f"https://teahouse.example/?{CAMPAIGN}&ref={code}"


def test_what_says_who_has_clicked_is_told_to_the_shop_only(ann: Advocate, friend: Client) -> None:
    follow(friend, f"{ann.referral_code}?{CAMPAIGN}")
    kept = Landing.objects.get().landing_page
    assert kept == (
        "https://teahouse.example/?utm_source=news&utm_medium=e-mail&utm_id=%C3%BC+%20&ref=" + ann.referral_code
    )


@pytest.mark.parametrize(
    "query", ["utm_source=" + "a" * 100_000, "&".join(f"utm_{n}={'a' * 90}" for n in range(200)), "utm_x=%0d%0aX:%20y"]
)
def test_no_campaign_makes_the_address_too_long_or_another_header(ann: Advocate, friend: Client, query: str) -> None:
    answer = follow(friend, f"{ann.referral_code}?{query}")
    assert answer.status_code == 302
    assert len(answer["Location"]) < 2_300
    assert "X" not in answer.headers
    assert Landing.objects.count() == 1


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("utm_source=a&amp;utm_medium=b&amp;gclid=c", "utm_source=a&utm_medium=b&gclid=c"),  # as HTML has it
        ("at_medium=1&xtor=2&WT.mc_id=3&__s=4&s_cid=5", "at_medium=1&xtor=2&WT.mc_id=3&__s=4&s_cid=5"),
        ("vero_id=1&ml_subscriber=2&dm_i=3&ranMID=4", "vero_id=1&ml_subscriber=2&dm_i=3&ranMID=4"),
    ],
)
def test_campaigns_of_other_mailers_are_kept_too(ann: Advocate, friend: Client, told: str, kept: str) -> None:
    answer = follow(friend, f"{ann.referral_code}?{told}")
    assert answer["Location"] == f"https://teahouse.example/?{kept}&ref={ann.referral_code}"


@pytest.mark.parametrize(
    ("shop", "page"),
    [
        (
            "https://t.example/?q=a+b%20c;d=1&&x&%7E=%2f",
            "https://t.example/?q=a+b%20c;d=1&&x&%7E=%2f&utm_source=w&ref=CODE",
        ),
        ("https://t.example/?a={b}|c", "https://t.example/?a={b}|c&utm_source=w&ref=CODE"),
        ("https://t.example/?utm_source=own", "https://t.example/?utm_source=own&ref=CODE"),
        ("https://t.example/s?%72ef=old&z#!/a?b=c", "https://t.example/s?z&utm_source=w&ref=CODE#!/a?b=c"),
    ],
)
def test_the_shops_own_query_is_passed_on_byte_for_byte(
    ann: Advocate, tea_house: Store, friend: Client, shop: str, page: str
) -> None:
    Store.objects.update(url=shop)
    answer = follow(friend, f"{ann.referral_code}?utm_source=w")
    assert answer["Location"] == page.replace("CODE", ann.referral_code)


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


@pytest.mark.parametrize(
    ("first", "second", "number"),
    [
        ("2026-11-01T23:59:50Z", "2026-11-02T00:00:10Z", 1),
        ("2026-11-01T23:40Z", "2026-11-02T00:09Z", 1),
        ("2026-11-01T23:40Z", "2026-11-02T00:11Z", 2),
        ("2026-11-01T12:00Z", "2026-11-01T12:10Z", 1),
        ("2026-11-01T12:00Z", "2026-11-02T12:00Z", 2),
    ],
)
@pytest.mark.parametrize("order", ["as they came", "the later first", "each by itself"])
def test_one_visit_goes_on_beyond_midnight(
    ann: Advocate, friend: Client, time_machine: Any, first: str, second: str, number: int, order: str
) -> None:
    for moment in (second, first) if order == "the later first" else (first, second):
        time_machine.move_to(moment, tick=False)
        follow(friend, ann.referral_code)
        if order == "each by itself":
            visits.count()
    visits.count()
    assert ann.visits.count() == number


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
