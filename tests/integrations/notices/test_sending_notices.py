"""Notices on their way: signed, tried again, given up; never into the site's own network, never after a redirect."""

import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from integrations.models import Notice, NoticeAddress, NoticeDelivery
from integrations.notices import letters, publish_to, retention, sending, signing
from integrations.notices.kinds import TEST
from integrations.notices.needs import NEEDS_SOMEBODY
from integrations.wire import outside
from tests.integrations.kettle import connected
from tests.mail_server import MailServer

pytestmark = pytest.mark.django_db


class Endpoint(BaseHTTPRequestHandler):
    """Answers with the next of `statuses`, then 200; `came` is what it was told."""

    statuses: list[int] = []
    came: list[tuple[str, dict[str, str], bytes]] = []

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.came.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(self.statuses.pop(0) if self.statuses else 200)
        self.send_header("Content-Length", "0")
        self.send_header("Location", "/elsewhere")
        self.end_headers()


@pytest.fixture
def endpoint(settings: Settings) -> Iterator[str]:
    settings.NOTICE_NETWORKS = ["127.0.0.0/8"]
    Endpoint.statuses, Endpoint.came = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/notices"
        server.shutdown()


def an_endpoint(to: str) -> NoticeAddress:
    address = NoticeAddress(kind="endpoint", shown="shop.test", names=[NEEDS_SOMEBODY.name])
    address.to, address.secret = to, signing.new_secret()
    address.save()
    return address


def a_mailbox() -> NoticeAddress:
    address = NoticeAddress(kind="email", shown="team@shop.test")
    address.to = "team@shop.test"
    address.save()
    return address


def a_notice(address: NoticeAddress, **data: Any) -> NoticeDelivery:
    publish_to([address], NEEDS_SOMEBODY, None, data)
    return NoticeDelivery.objects.get(address=address)


def again(delivery: NoticeDelivery) -> NoticeDelivery:
    """Its next try is due, and made."""
    NoticeDelivery.objects.filter(pk=delivery.pk).update(next_try_at=timezone.now() - timedelta(seconds=1))
    sending.send_due()
    delivery.refresh_from_db()
    return delivery


def test_an_endpoint_can_check_who_tells_it(endpoint: str) -> None:
    address = an_endpoint(endpoint)
    delivery = again(a_notice(address, account_name="Teehaus Köln"))
    assert delivery.state == "told"
    ((path, headers, body),) = Endpoint.came
    assert path == "/notices"
    key = base64.b64decode(address.secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{right}"
    assert headers["webhook-id"] == str(delivery.notice_id)
    assert json.loads(body)["type"] == "connection.needs_somebody"
    assert json.loads(body)["data"] == {"account_name": "Teehaus Köln"}


def test_what_is_not_taken_goes_again_under_the_same_id_and_is_given_up_in_the_end(endpoint: str) -> None:
    Endpoint.statuses = [500] * 20
    delivery = a_notice(an_endpoint(endpoint))
    before = timezone.now()
    delivery = again(delivery)
    assert (delivery.state, delivery.problem) == ("waiting", "The endpoint answered 500.")
    assert timedelta(seconds=4) < delivery.next_try_at - before < timedelta(seconds=30)
    sending.send_due()
    assert len(Endpoint.came) == 1
    for _ in range(len(sending.WAITS)):
        delivery = again(delivery)
    assert (delivery.state, len(Endpoint.came)) == ("failed", len(sending.WAITS) + 1)
    assert len({headers["webhook-id"] for _, headers, _ in Endpoint.came}) == 1
    Endpoint.statuses = []
    assert sending.send_again(delivery)
    assert again(delivery).state == "told"
    assert not sending.send_again(delivery)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(endpoint: str, status: int) -> None:
    Endpoint.statuses = [status]
    assert again(a_notice(an_endpoint(endpoint))).state == "waiting"
    assert [path for path, _, _ in Endpoint.came] == ["/notices"]


def test_an_endpoint_that_is_gone_is_switched_off(endpoint: str) -> None:
    Endpoint.statuses = [410]
    address = an_endpoint(endpoint)
    assert again(a_notice(address)).state == "failed"
    address.refresh_from_db()
    assert (address.is_on, address.off_because) == (False, sending.GONE)


def test_nothing_goes_into_the_own_network(endpoint: str, settings: Settings) -> None:
    settings.NOTICE_NETWORKS = []
    delivery = again(a_notice(an_endpoint(endpoint)))
    assert (delivery.problem, Endpoint.came) == (sending.INSIDE, [])


def test_a_name_that_leads_inside_is_found_out_when_it_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def look_up(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.7", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    delivery = again(a_notice(an_endpoint("https://shop.example/notices")))
    assert (delivery.problem, asked) == (sending.INSIDE, ["shop.example"])


INSIDE = (
    "127.0.0.1 10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0 224.0.0.1 ::1 fe80::1 fe80::1%eth0 "
    "fd00::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:a00:1:: :: ff02::1 "
    "fec0::1 ::127.0.0.1 ::ffff:0:10.0.0.1 64:ff9b:1::a00:1 5f00::1"
)


@pytest.mark.parametrize("address", INSIDE.split())
def test_these_are_inside(address: str) -> None:
    assert not outside.is_outside(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:4700::1111", "::ffff:93.184.215.14", "64:ff9b::5db8:d70e"])
def test_these_are_outside(address: str) -> None:
    assert outside.is_outside(address)


def test_nobody_listens(settings: Settings) -> None:
    settings.NOTICE_NETWORKS = ["127.0.0.0/8"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        delivery = again(a_notice(an_endpoint(f"http://127.0.0.1:{taken.getsockname()[1]}/")))
    assert (delivery.state, delivery.problem) == ("waiting", "The endpoint could not be reached.")


def test_a_mailbox_gets_a_letter(settings: Settings) -> None:
    mailbox = a_mailbox()
    with MailServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        connection = connected("A1")
        said = {"account_name": "Tea\r\nBcc: x@y.test", "sentence": "The app was removed.", "page": "https://s.test/1"}
        publish_to([mailbox], NEEDS_SOMEBODY, connection, said)
        sending.send_due()
        (arrived,) = server.arrived
    assert arrived.recipients == ["team@shop.test"]
    assert arrived.message["Subject"] == "Tea Bcc: x@y.test needs somebody"
    assert "The app was removed." in arrived.message.get_content()
    assert "https://s.test/1" in arrived.message.get_content()
    assert NoticeDelivery.objects.get().state == "told"


def test_without_a_mail_server_it_says_so(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    mailbox = a_mailbox()
    publish_to([mailbox], TEST, None, {})
    sending.send_due()
    assert "EMAIL_URL" in NoticeDelivery.objects.get().problem


def test_what_is_old_is_forgotten_and_what_waits_is_kept(endpoint: str) -> None:
    old = timezone.now() - timedelta(days=31)
    told, waits = a_notice(an_endpoint(endpoint)), a_notice(an_endpoint(endpoint))
    NoticeDelivery.objects.filter(pk=told.pk).update(state="told")
    Notice.objects.update(at=old)
    assert retention.forget() == 1
    assert [one.pk for one in NoticeDelivery.objects.all()] == [waits.pk]


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"])
def test_a_name_that_no_host_has_is_one_that_does_not_answer(host: str) -> None:
    delivery = again(a_notice(an_endpoint(f"https://{host}/notices")))
    assert (delivery.state, delivery.problem) == ("waiting", "The connection broke before an answer came.")


def test_an_address_that_breaks_our_own_code_keeps_no_other_from_its_notices(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, other = a_mailbox(), an_endpoint(endpoint)
    monkeypatch.setattr(letters, "of", lambda _: int("no letter"))
    deliveries = [a_notice(one) for one in (broken, other)]
    assert again(deliveries[0]).problem == sending.BROKE_OFF
    assert again(deliveries[1]).state == "told"


def test_slow_endpoints_have_a_worker_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        a_notice(an_endpoint(f"https://shop{number}.example/notices"))

    def slowly(_: NoticeDelivery) -> str:
        time.sleep(0.05)
        return "Too slow."

    monkeypatch.setattr(sending, "_told", slowly)
    assert sending.send_due() == 3
    NoticeDelivery.objects.update(next_try_at=timezone.now() - timedelta(seconds=1))
    monkeypatch.setattr(sending, "QUANTUM_SECONDS", 0.01)
    assert sending.send_due() == 1
