"""The HTTP adapter: bounded in time and size, no redirects, no cookies, no plain http beyond this machine."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from integrations.errors import TemporaryError
from integrations.wire import http


class Odd(BaseHTTPRequestHandler):
    """A server that behaves as its path says."""

    protocol_version = "HTTP/1.1"
    stop = threading.Event()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        getattr(self, self.path.strip("/"))()

    def do_POST(self) -> None:
        """Takes nothing of what is sent."""
        self.stop.wait()

    def _start(self, status: int, length: int, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def fine(self) -> None:
        self._start(200, 5)
        self.wfile.write(b"hello")

    def redirect(self) -> None:
        self._start(302, 0, Location="https://elsewhere.test/")

    def truncated(self) -> None:
        self._start(200, 1000)
        self.wfile.write(b"half")
        self.close_connection = True

    def cookie(self) -> None:
        self._start(200, 0, **{"Set-Cookie": "account=A; Path=/"})

    def cookies_seen(self) -> None:
        seen = self.headers.get("Cookie", "").encode()
        self._start(200, len(seen))
        self.wfile.write(seen)

    def drip_body(self) -> None:
        self._start(200, 1000)
        self._drip(b".")

    def drip_headers(self) -> None:
        self.send_response(200)
        self.flush_headers()
        self._drip(b"x")

    def drip_chunks(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._drip(b"1\r\n.\r\n")

    def drip_continues(self) -> None:
        self._drip(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _drip(self, piece: bytes) -> None:
        self.close_connection = True
        while not self.stop.wait(0.05):
            try:
                self.wfile.write(piece)
                self.wfile.flush()
            except OSError:
                return

    def huge(self) -> None:
        self._start(200, 64)
        self.wfile.write(b"x" * 64)

    def not_gzip(self) -> None:
        self._start(200, 4, **{"Content-Encoding": "gzip"})
        self.wfile.write(b"nope")


@contextmanager
def serving(scheme: str, certificate: Path | None = None) -> Iterator[str]:
    Odd.stop.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as server:
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{scheme}://127.0.0.1:{server.server_port}"
        Odd.stop.set()
        server.shutdown()


@contextmanager
def spoiling(certificate: Path) -> Iterator[str]:
    """Reads a request over TLS, and answers with a record that somebody on the way has spoilt."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def serve() -> None:
        raw, _ = listener.accept()
        with raw.dup() as wire, context.wrap_socket(raw, server_side=True) as tls:
            read = b""
            while b"hello" not in read:
                read += tls.recv(65536)
            wire.sendall(b"\x17\x03\x03\x00\x20" + b"x" * 32)
            wire.recv(65536)  # until the other side has gone

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serving("http") as address:
        yield address


@pytest.fixture(scope="module")
def tls_server(certificate: Path) -> Iterator[str]:
    with serving("https", certificate) as address:
        yield address


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with http.through_the_door(requests.Session()) as session:
        yield session


def get(session: requests.Session, url: str) -> requests.Response:
    return http.send(session, "GET", url, headers={})


def test_an_answer_comes_whole_and_the_connection_is_used_again(server: str, session: requests.Session) -> None:
    assert [get(session, f"{server}/fine").text for _ in range(3)] == ["hello"] * 3


@pytest.mark.parametrize(
    ("path", "code"),
    [("redirect", "redirected"), ("truncated", "unreadable_answer"), ("not_gzip", "unreadable_answer")],
)
def test_what_is_no_answer_is_tried_again(server: str, session: requests.Session, path: str, code: str) -> None:
    with pytest.raises(TemporaryError) as caught:
        get(session, f"{server}/{path}")
    assert caught.value.code == code


@pytest.mark.parametrize("drip", ["drip_body", "drip_headers", "drip_chunks", "drip_continues"])
def test_a_dripping_answer_does_not_hold_a_worker(
    server: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch, drip: str
) -> None:
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.3)
    with pytest.raises(TemporaryError) as caught:
        get(session, f"{server}/{drip}")  # else it would go on for ever
    assert caught.value.code == "timed_out"


def test_a_silent_answer_is_not_waited_for_to_the_end(
    server: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 3600.0)
    monkeypatch.setattr(http, "READ_SECONDS", 0.3)
    with pytest.raises(TemporaryError) as caught:
        http.send(session, "POST", server, headers={})
    assert caught.value.code == "timed_out"


def test_who_takes_nothing_of_a_request_does_not_hold_a_worker(
    server: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.3)
    with pytest.raises(TemporaryError) as caught:
        http.send(session, "POST", server, headers={}, body=b"x" * 32_000_000)
    assert caught.value.code == "no_answer"


def test_the_same_rules_hold_over_tls(
    tls_server: str, session: requests.Session, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(TemporaryError) as caught:
        get(session, f"{tls_server}/fine")
    assert caught.value.code == "unreachable", "nobody vouches for it"
    session.verify = str(certificate)
    assert [get(session, f"{tls_server}/fine").text for _ in range(3)] == ["hello"] * 3
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.3)
    with pytest.raises(TemporaryError) as caught:
        get(session, f"{tls_server}/drip_headers")
    assert caught.value.code == "timed_out"


def test_what_breaks_in_tls_after_it_was_read_may_have_had_its_effect(
    session: requests.Session, certificate: Path
) -> None:
    session.verify = str(certificate)
    with spoiling(certificate) as address, pytest.raises(TemporaryError) as caught:
        http.send(session, "POST", address, headers={}, body=b"hello")
    assert caught.value.code == "no_answer"


def test_a_handshake_that_fails_has_let_nothing_out(server: str, session: requests.Session) -> None:
    with pytest.raises(TemporaryError) as caught:
        get(session, server.replace("http:", "https:"))
    assert caught.value.code == "unreachable"


def test_a_late_exchange_leaves_the_next_one_all_its_time(
    server: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as short:
        short.setattr(http, "DEADLINE_SECONDS", 0.0)
        with pytest.raises(TemporaryError):
            get(session, f"{server}/fine")
    assert get(session, f"{server}/fine").text == "hello"


def test_accounts_that_share_a_session_share_no_cookies(server: str, session: requests.Session) -> None:
    get(session, f"{server}/cookie")
    assert get(session, f"{server}/cookies_seen").text == ""


def test_a_huge_answer_is_not_read(server: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 32)
    with pytest.raises(TemporaryError) as caught:
        get(session, f"{server}/huge")
    assert caught.value.code == "unreadable_answer"


def test_nobody_listening_is_a_passing_fault(session: requests.Session) -> None:
    with pytest.raises(TemporaryError):
        get(session, "http://127.0.0.1:9/")


@pytest.mark.parametrize(
    "url", ["http://klaviyo.test/", "http://127.0.0.1.evil.test/", "http://[::2]/", "ftp://x.test/"]
)
def test_plain_http_is_refused_beyond_this_machine(session: requests.Session, url: str) -> None:
    with pytest.raises(TemporaryError) as caught:
        get(session, url)
    assert caught.value.code in {"plain_http", "unreadable_answer"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "0"}, 1),
        ({"Retry-After": "-1"}, 60),
        ({"Retry-After": "abc"}, 60),
        ({"Retry-After": "99999999"}, 3600),
        ({"Retry-After": "9" * 400}, 3600),
        ({"Retry-After": "²"}, 60),
        ({}, 60),
        ({"Retry-After": "Fri, 20 Nov 2026 10:00:30 GMT", "Date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 30),
        ({"Retry-After": "Fri, 20 Nov 2026 09:00:00 GMT", "Date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 1),
        ({"Retry-After": "Fri, 99 Nov 2026 09:00:00 GMT"}, 60),
    ],
)
def test_retry_after_is_read_in_every_shape(headers: dict[str, str], seconds: int) -> None:
    response = requests.Response()
    response.headers.update(headers)
    assert http.retry_after(response) == timedelta(seconds=seconds)
