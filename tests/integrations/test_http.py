"""The door out: bounded in time and size, no redirects, no plain http beyond this machine."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from integrations import http
from integrations.errors import TemporaryError


class Odd(BaseHTTPRequestHandler):
    """A server that behaves as its path says."""

    protocol_version = "HTTP/1.1"
    stop = threading.Event()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        getattr(self, self.path.strip("/"))()

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

    def drip(self) -> None:
        self._start(200, 1000)
        while not self.stop.wait(0.05):
            try:
                self.wfile.write(b".")
                self.wfile.flush()
            except OSError:
                return

    def huge(self) -> None:
        self._start(200, 64)
        self.wfile.write(b"x" * 64)

    def not_gzip(self) -> None:
        self._start(200, 4, **{"Content-Encoding": "gzip"})
        self.wfile.write(b"nope")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    Odd.stop.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Odd) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        Odd.stop.set()
        serving.shutdown()


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


def test_a_dripping_answer_does_not_hold_a_worker(
    server: str, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "DEADLINE_SECONDS", 0.3)
    started = time.monotonic()
    with pytest.raises(TemporaryError) as caught:
        get(session, f"{server}/drip")
    assert caught.value.code == "timed_out"
    assert time.monotonic() - started < 10, "it would go on for ever"


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
