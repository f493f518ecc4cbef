"""An endpoint for webhooks: believes nothing that is not signed, and answers as it is told."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a secret of sixteen or more"
EVERY = (
    "subscribed_to_email_marketing",
    "unsubscribed_from_email_marketing",
    "manually_suppressed_from_email_marketing",
    "manually_unsuppressed_from_email_marketing",
    "marked_email_as_spam",
    "bounced_email",
    "subscribed_to_list",
    "unsubscribed_from_list",
    "updated_email_preferences",
)


@dataclass
class Endpoint:
    """What came, and with which statuses it is answered; 200 when none are left."""

    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    hold: threading.Event | None = None

    @property
    def told(self) -> list[tuple[str, str]]:
        """Topic and e-mail address of every item that came, in order."""
        return [(_topic(one), _email(one)) for body in self.bodies for one in body["data"]]

    @property
    def ids(self) -> list[list[str]]:
        return [[one["external_id"] for one in body["data"]] for body in self.bodies]


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    kept = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if kept.hold:
                kept.hold.wait(20)
            status = kept.answers.pop(0) if kept.answers else 200
            if not is_signed(body, dict(self.headers), SECRET):
                status = 401
            kept.bodies.append(json.loads(body))
            kept.headers.append(dict(self.headers))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/klaviyo/hook?place=tea"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        if kept.hold:
            kept.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()


def is_signed(body: bytes, headers: dict[str, str], secret: str) -> bool:
    expected = hmac.new(secret.encode(), body + headers["Klaviyo-Timestamp"].encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, headers["Klaviyo-Signature"])


def webhook(url: str, *topics: str, **attributes: Any) -> dict[str, Any]:
    """The body of create_webhook; topics without their common beginning."""
    named = [{"type": "webhook-topic", "id": f"event:klaviyo.{one}"} for one in topics]
    return {
        "data": {
            "type": "webhook",
            "attributes": {"name": "Sorae", "endpoint_url": url, "secret_key": SECRET, **attributes},
            "relationships": {"webhook-topics": {"data": named}},
        }
    }


def _topic(item: dict[str, Any]) -> str:
    return str(item["topic"]).removeprefix("event:klaviyo.")


def _email(item: dict[str, Any]) -> str:
    included = item["payload"].get("included") or [{}]
    return str(included[0].get("attributes", {}).get("email"))
