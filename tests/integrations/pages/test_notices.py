"""Pages of notices: an endpoint's secret is shown once, odd addresses are refused in words, each act is on record."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from integrations.models import NoticeAddress, NoticeDelivery
from integrations.notices import sending
from tests.faults import stored
from tests.integrations.operators import somebody, told

INDEX, ADD = "/admin/integrations/notices/", "/admin/integrations/notices/add"
ALL = ["connection.needs_somebody", "connection.well_again", "connection.disconnected"]


def typed(to: str, once: str = "1") -> dict[str, object]:
    return {"to": to, "names": ALL, "once": once}


def test_an_endpoint_gets_a_secret_that_is_shown_once(browser: Client, staff: User) -> None:
    page = browser.post(ADD, typed("https://shop.example/hooks/T0P5ECRET"))
    (secret,) = re.findall(r"whsec_[\w+/=]+", page.content.decode())
    assert "no-store" in page["Cache-Control"]
    address = NoticeAddress.objects.get()
    assert (address.secret, address.to, address.created_by) == (secret, "https://shop.example/hooks/T0P5ECRET", staff)
    shown = browser.get(INDEX).content.decode()
    assert "shop.example" in shown
    assert "T0P5ECRET" not in shown
    assert secret not in shown
    assert "T0P5ECRET" not in str(stored.tables())
    assert secret not in str(stored.tables())


def test_a_form_that_is_sent_twice_adds_one(browser: Client) -> None:
    for _ in range(2):
        browser.post(ADD, typed("team@shop.test", once="same"))
    assert NoticeAddress.objects.count() == 1


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("", "required"),
        ("team@", "no e-mail address"),
        ("team@xn--a\u0300.test", "no e-mail address"),
        ("shop.example/notices", "no e-mail address"),
        ("http://shop.example/notices", "must begin with https://"),
        ("https://user:word@shop.example/", "without a user"),
        ("https://shop.example/#part", "without a user and without a #"),
        ("https://[::1/", "cannot be read"),
        ("https://shop.example:99999/", "cannot be read"),
        ("https://127.0.0.1/", "own network"),
        ("https://169.254.169.254/latest/", "own network"),
        ("https://[::ffff:10.0.0.1]/", "own network"),
        ("http://localhost:6379/", "own network"),
        ("ftp://shop.example/", "must begin with https://"),
        ("https://%00/", "the name of no host"),
        ("https://shop%2eexample/", "the name of no host"),
        ("https://a..example/", "the name of no host"),
        ("https://.example/", "the name of no host"),
        ("https://-shop.example/", "the name of no host"),
        ("https://shop_one.example/", "the name of no host"),
        (f"https://{'a' * 64}.example/", "the name of no host"),
        (f"https://{'a.' * 127}example/", "the name of no host"),
        ("https://xn--zzzzzzzzz.example/", "the name of no host"),
        ("https://*.example/", "the name of no host"),
        ("https://shop.example./", "without a dot at its end"),
        ("https://@shop.example/", "without a user"),
        ("https://shop.example/?a=b#", "without a user and without a #"),
        ("https://[fe80::1%25eth0]/", "one machine&#x27;s own network"),
        ("https://[2606:4700::1111%25eth0]/", "one machine&#x27;s own network"),
        ("https://[v1.a]/", "cannot be read"),
        ("https://2130706433/", "four numbers"),
        ("https://0x7f000001/", "four numbers"),
        ("https://127.1/", "four numbers"),
        ("https://0177.0.0.1/", "four numbers"),
        ("https://256.0.0.1/", "four numbers"),
        ("https://\uff11\uff12\uff17.0.0.1/", "own network"),
        ("https://127\u30020.0.1/", "own network"),
        ("https://intranet/", "own network"),
        ("https://db.internal/", "own network"),
        ("https://printer.local/", "own network"),
        ("https://a.localhost/", "own network"),
        ("https://shop.example:0/", "cannot be read"),
        ("https://shop.example:/", "cannot be read"),
        ("https://shop.example\\@other.example/", "a space or a sign"),
        ("https://shop.example/a b", "a space or a sign"),
        ("https://shop.example/a\tb", "a space or a sign"),
    ],
)
def test_odd_addresses_are_refused_in_words(browser: Client, to: str, why: str) -> None:
    assert why in browser.post(ADD, typed(to)).content.decode()
    assert not NoticeAddress.objects.exists()


@pytest.mark.parametrize(
    "to",
    [
        "https://shop.example/hooks/a-b_c?key=1%20&other",
        "https://hooks.shop.example:8443",
        "  https://shop.example/notices\n",
        "HTTPS://Shop.Example/notices",
        "https://stra\u00dfe.example/",
        "https://xn--strae-oqa.example/",
        "https://93.184.215.14/",
        "https://[2606:4700::1111]/",
    ],
)
def test_the_worlds_addresses_are_taken_as_they_are(browser: Client, to: str) -> None:
    browser.post(ADD, typed(to))
    assert NoticeAddress.objects.get().to == to.strip()


def test_names_of_the_own_network_are_taken_where_the_site_says_so(browser: Client, settings: Settings) -> None:
    settings.NOTICE_NETWORKS = ["10.0.0.0/8"]
    browser.post(ADD, typed("https://receiver.internal/notices"))
    assert NoticeAddress.objects.get().shown == "receiver.internal …ices"


def test_a_mailbox_is_written_to_by_its_domain_in_ascii(browser: Client) -> None:
    browser.post(ADD, typed("Team@stra\u00dfe.test"))
    assert NoticeAddress.objects.get().to == "Team@xn--strae-oqa.test"


def test_test_switch_and_remove_are_on_record(browser: Client) -> None:
    browser.post(ADD, typed("team@shop.test"))
    address = NoticeAddress.objects.get()
    browser.post(f"{INDEX}{address.pk}/test")
    assert NoticeDelivery.objects.get().notice.name == "test"
    for _ in range(2):
        browser.post(f"{INDEX}{address.pk}/switch", {"on": "0"})
    sending.send_due()
    delivery = NoticeDelivery.objects.get()
    assert (delivery.state, delivery.problem) == ("failed", "Notices to this address were switched off.")
    assert "It goes out again" in told(browser.post(f"{INDEX}sent/{delivery.pk}"))
    assert browser.get(f"{INDEX}{address.pk}/remove").status_code == 200
    assert NoticeAddress.objects.exists()
    browser.post(f"{INDEX}{address.pk}/remove")
    assert not NoticeAddress.objects.exists()
    assert [entry.change_message for entry in LogEntry.objects.order_by("pk")] == [
        "Added team@shop.test to those who get notices.",
        "Sent a test notice to team@shop.test.",
        "Switched notices to team@shop.test off.",
        "Sent a notice to team@shop.test again.",
        "Removed team@shop.test from those who get notices.",
    ]


def test_whoever_may_only_look_sees_no_button(db: None) -> None:
    NoticeAddress.objects.create(kind="email", shown="team@shop.test", names=ALL)
    looking = Client()
    looking.force_login(somebody("viewer", "manage_notices"))
    page = looking.get(INDEX).content.decode()
    assert "team@shop.test" in page
    assert "Switch" not in page
    assert looking.post(ADD, typed("other@shop.test")).status_code == 403
