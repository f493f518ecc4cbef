"""Mirror: a server that shows what it was asked, and answers as its path says."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from klaviyo.api.operation import Operation

PICTURE = b"\x89PNG\r\n\x1a\n\x00\xff"


def at(word: str, method: str = "GET") -> Operation:
    """An operation that has the mirror answer so."""
    return Operation(f"mirror_{word}", f"{method} /api/{word}", "", 75, 750)


@dataclass
class Mirror:
    """What it was asked, in order: methods, paths, headers and bodies."""

    url: str = ""
    asked: list[tuple[str, str, Message, bytes]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    mirror: Mirror

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.mirror.asked.append((self.command, self.path, self.headers, body))
        match self.path.partition("?")[0].removeprefix("/api/"):
            case "silence":
                self.mirror.stop.wait(60)
                self.close_connection = True
            case "slow":
                time.sleep(0.2)
                self._answer(200, b'{"data":[]}')
            case "trouble":
                self._answer(503, b"{}")
            case "huge":
                self._answer(200, b" " * (16 * 1024 * 1024 + 1))
            case "page":
                self._answer(200, "<p>Größe</p>".encode("latin-1"), "text/html; charset=ISO-8859-1")
            case "picture":
                self._answer(200, PICTURE, "image/png")
            case _:
                self._answer(200, b'{"data":{"id":"1"}}')

    do_POST = do_PATCH = do_GET

    def _answer(self, status: int, content: bytes, media_type: str = "application/vnd.api+json") -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-klaviyo-req-id", f"request-{len(self.mirror.asked)}")
        self.send_header("Set-Cookie", "secret=1")
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def serving() -> Iterator[Mirror]:
    mirror = Mirror()
    handler = type("MirrorHandler", (_Handler,), {"mirror": mirror})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        mirror.url = f"http://127.0.0.1:{server.server_port}"
        yield mirror
        mirror.stop.set()
        server.shutdown()
