"""The sockets: HTTP/1.1 with keep-alive on the loopback interface, one thread a connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from klaviyo.sandbox.wire import Reply, Request

MOST_BYTES = 5 * 1024 * 1024
_READ_AT_ONCE = 64 * 1024

Answer = Callable[[Request], Reply]


class Server(ThreadingHTTPServer):
    """Serves one answering function until it is stopped; stopping ends the open connections too."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, port: int, answer: Answer) -> None:
        self.answer = answer
        self.stopping = threading.Event()
        self.abrupt: set[socket.socket] = set()
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Connection)

    def connected(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.add(connection)

    def disconnected(self, connection: socket.socket) -> None:
        with self._open_lock:
            self._open.discard(connection)

    def accept_until_stopped(self) -> None:
        """A plain blocking loop: `serve_forever` would wake up to poll, and be slow to stop."""
        while not self.stopping.is_set():
            try:
                self.process_request(*self.get_request())
            except OSError:
                # Stopped, or out of file descriptors for a moment.
                self.stopping.wait(0.05)

    def stop(self) -> None:
        """Ends the loop and every connection."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """Ends a connection politely, unless a reset was asked for: then without the goodbye of a FIN."""
        if request in self.abrupt:
            self.abrupt.discard(request)
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not worth a word."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    wbufsize = -1
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connected(self.connection)

    def finish(self) -> None:
        self.server.disconnected(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are kept in the journal, not on the terminal."""

    def _serve(self) -> None:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            self._send(Reply(411))
            self.close_connection = True
            return
        body, too_large = self._read_body()
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._deliver(self.server.answer(Request(self.command, path, query, headers, body, too_large)))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = _serve

    def _read_body(self) -> tuple[bytes, bool]:
        text = self.headers.get("Content-Length", "0")
        length = int(text) if text.isdecimal() else 0
        if length <= MOST_BYTES:
            return self.rfile.read(length), False
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
            self.close_connection = True
            return
        if way.drip:
            self._drip(reply, way.drip)
        elif way.truncate:
            self._send(reply, cut=True)
        else:
            self._send(reply)

    def _send(self, reply: Reply, *, cut: bool = False) -> None:
        head = self._head(reply, len(reply.body) or (64 if cut else 0))
        body = b"" if self.command == "HEAD" else reply.body
        if cut:
            body = body[: len(body) // 2]
            self.close_connection = True
        self.wfile.write(head + body)
        self.wfile.flush()

    def _drip(self, reply: Reply, seconds: float) -> None:
        """Sends the answer in twenty pieces over so many seconds."""
        whole = self._head(reply, len(reply.body)) + reply.body
        step = max(1, len(whole) // 20)
        for start in range(0, len(whole), step):
            self.wfile.write(whole[start : start + step])
            self.wfile.flush()
            if self.server.stopping.wait(seconds / 20):
                return

    def _head(self, reply: Reply, length: int) -> bytes:
        lines = [f"HTTP/1.1 {reply.status} {self.responses.get(reply.status, ('', ''))[0]}"]
        headers = {"Date": self.date_time_string(), "Server": "klaviyo-sandbox", **reply.headers}
        if reply.status != 204:
            headers["Content-Length"] = str(length)
        if self.close_connection:
            headers["Connection"] = "close"
        lines += [f"{name}: {_in_one_line(value)}" for name, value in headers.items()]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _in_one_line(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")


def serve_in_background(server: Server) -> threading.Thread:
    thread = threading.Thread(target=server.accept_until_stopped, name="klaviyo-sandbox", daemon=True)
    thread.start()
    return thread
