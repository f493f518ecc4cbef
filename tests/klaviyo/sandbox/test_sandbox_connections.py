"""HTTP as it is spoken here: many requests on one connection, and no patience with what is none."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from klaviyo.sandbox import Sandbox


@pytest.fixture
def wire(sandbox: Sandbox) -> Iterator[socket.socket]:
    port = int(sandbox.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=300) as made:
        yield made


def received(wire: socket.socket, end: bytes) -> bytes:
    told = b""
    while end not in told and (piece := wire.recv(65536)):
        told += piece
    return told


def until_closed(wire: socket.socket) -> bytes:
    return received(wire, b"this never comes")


def test_requests_follow_each_other_on_one_connection(wire: socket.socket) -> None:
    for _ in range(3):
        wire.sendall(b"GET /favicon.ico HTTP/1.1\r\nHost: localhost\r\n\r\n")
        told = received(wire, b"\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 204 No Content\r\n")
        assert b"Connection" not in told


@pytest.mark.parametrize(
    "request_head",
    [
        b"GET /favicon.ico HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        b"GET /favicon.ico HTTP/1.0\r\nHost: localhost\r\n\r\n",
    ],
)
def test_a_connection_ends_when_asked_to(wire: socket.socket, request_head: bytes) -> None:
    wire.sendall(request_head)
    told = until_closed(wire)
    assert told.startswith(b"HTTP/1.1 204")
    assert b"\r\nConnection: close\r\n" in told


def test_whoever_asks_before_sending_a_body_is_told_to_go_on(wire: socket.socket) -> None:
    head = b"POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
    wire.sendall(head)
    assert received(wire, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.sendall(b"a=b")
    assert received(wire, b"}").startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"hello\r\n\r\n", b"400"),
        (b"GET / HTTP/2\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno header\r\n\r\n", b"400"),
        (b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"501"),
        (b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n", b"411"),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", b"431"),
    ],
)
def test_what_is_not_understood_ends_the_connection(wire: socket.socket, sent: bytes, status: bytes) -> None:
    wire.sendall(sent)
    try:
        told = until_closed(wire)
    except ConnectionResetError:
        told = b""
    assert not told or told.split()[1] == status
