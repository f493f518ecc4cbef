"""HTTP connection: reads requests as they come, and lets answers travel as faults have it."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from email.utils import formatdate
from http import HTTPStatus
from socketserver import BaseServer, StreamRequestHandler

from klaviyo.sandbox.http.wire import MULTIPART, Reply, Request

Answer = Callable[[Request], Reply]

MOST_BYTES = 5 * 1024 * 1024
MOST_BYTES_AROUND_A_FILE = 64 * 1024
_LONGEST_LINE = 64 * 1024
_MOST_HEADERS = 100
_READ_AT_ONCE = 64 * 1024
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class _Unreadable(Exception):
    """A request that is no HTTP as it is spoken here; the connection ends with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Home(BaseServer):
    """The server as a connection knows it: who answers, whether it stops, and which connections are open."""

    answer: Answer
    stopping: threading.Event
    abrupt: set[socket.socket]  # to be reset rather than ended politely
    _open: set[socket.socket]
    _open_lock: threading.Lock

    def connected(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.add(connection)

    def disconnected(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.discard(connection)


class Connection(StreamRequestHandler):
    """HTTP/1.1 with keep-alive. The standard library's own handler reads headers as mail, which is slow."""

    disable_nagle_algorithm = True
    timeout = 120
    rbufsize = 64 * 1024
    server: Home
    connection: socket.socket

    def setup(self) -> None:
        super().setup()
        self.method = ""
        self.is_last = False
        self.server.connected(self.connection)

    def finish(self) -> None:
        self.server.disconnected(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while not self.is_last:
                try:
                    request = self._read()
                except _Unreadable as wrong:
                    self.is_last = True
                    self._send(Reply(wrong.status))
                    return
                if request is None:
                    return
                self._deliver(self.server.answer(request))

    def _read(self) -> Request | None:
        line = self._line()
        if line == b"\r\n":
            line = self._line()
        if not line:
            return None
        words = line.decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            raise _Unreadable(400)
        self.method, target, version = words
        headers = self._headers()
        asked = headers.get("connection", "").lower()
        self.is_last = "close" in asked or (version == "HTTP/1.0" and "keep-alive" not in asked)
        if self.method not in _METHODS:
            raise _Unreadable(501)
        if "chunked" in headers.get("transfer-encoding", "").lower():
            raise _Unreadable(411)
        if headers.get("expect", "").lower() == "100-continue":
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, too_large = self._body(headers)
        path, _, query = target.partition("?")
        return Request(
            self.method, "/" + path.lstrip("/") if path[:2] == "//" else path, query, headers, body, too_large
        )

    def _line(self) -> bytes:
        line = self.rfile.readline(_LONGEST_LINE + 1)
        if len(line) > _LONGEST_LINE:
            raise _Unreadable(431)
        return line

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        for _ in range(_MOST_HEADERS):
            line = self._line()
            if line in (b"\r\n", b"\n", b""):
                return headers
            name, mark, value = line.decode("latin-1").partition(":")
            if not mark:
                raise _Unreadable(400)
            headers[name.strip().lower()] = value.strip()
        raise _Unreadable(431)

    def _body(self, headers: dict[str, str]) -> tuple[bytes, bool]:
        text = headers.get("content-length", "0")
        length = int(text) if text.isdecimal() else 0
        is_form = headers.get("content-type", "").lower().startswith(MULTIPART)
        if length <= MOST_BYTES + (MOST_BYTES_AROUND_A_FILE if is_form else 0):
            return self.rfile.read(length) if length else b"", False
        left = min(length, 20 * MOST_BYTES)
        while left > 0 and (piece := self.rfile.read(min(left, _READ_AT_ONCE))):
            left -= len(piece)
        return b"", True

    def _deliver(self, reply: Reply) -> None:
        way = reply.delivery
        if way.wait:
            self.server.stopping.wait(way.wait)
        if way.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.server.abrupt.add(self.connection)
        if way.drop or way.reset:
            self.is_last = True
        elif way.drip or way.pace:
            self._drip(reply)
        else:
            self._send(reply, cut=way.truncate)

    def _send(self, reply: Reply, *, cut: bool = False) -> None:
        head = self._head(reply, len(reply.body) or (64 if cut else 0))
        body = b"" if self.method == "HEAD" else reply.body
        if cut:
            body = body[: len(body) // 2]
            self.is_last = True
        self.connection.sendall(head + body)

    def _drip(self, reply: Reply) -> None:
        """Sends the answer in twenty pieces over so many seconds, or byte by byte."""
        whole = self._head(reply, len(reply.body)) + reply.body
        step = 1 if reply.delivery.pace else max(1, len(whole) // 20)
        pause = reply.delivery.pace or reply.delivery.drip / 20
        for start in range(0, len(whole), step):
            self.connection.sendall(whole[start : start + step])
            if self.server.stopping.wait(pause):
                return

    def _head(self, reply: Reply, length: int) -> bytes:
        lines = [f"HTTP/1.1 {reply.status} {_PHRASES.get(reply.status, '')}"]
        headers = {"Date": formatdate(time.time(), usegmt=True), "Server": "klaviyo-sandbox", **reply.headers}
        if reply.status != 204:
            headers["Content-Length"] = str(length)
        if self.is_last:
            headers["Connection"] = "close"
        lines += [f"{name}: {_in_one_line(value)}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _in_one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
