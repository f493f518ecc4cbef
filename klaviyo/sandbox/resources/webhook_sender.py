"""Webhook sender: posts changes of consent, on a thread of its own, after they are in the state."""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from sqlite3 import Row
from urllib.parse import urlsplit

from klaviyo.sandbox.resources import webhook_bodies
from klaviyo.sandbox.settings import Settings
from klaviyo.sandbox.state import webhook_deliveries
from klaviyo.sandbox.state.database import Database

ENDPOINT_SECONDS = 5.0
_log = logging.getLogger(__name__)


class WebhookSender:
    """Delivers while it runs; what waits when it stops is delivered by the next one with the same state."""

    def __init__(self, database: Database, settings: Callable[[], Settings]) -> None:
        self._database = database
        self._settings = settings
        self._called = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._connection: HTTPConnection | None = None

    def start(self) -> None:
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="klaviyo-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends at once, also in the middle of a delivery; that one counts as not made."""
        self._stopping.set()
        self._called.set()
        if self._thread is None:
            return
        connection = self._connection
        if connection is not None and connection.sock is not None:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=2)
        self._thread = None

    def wake(self) -> None:
        """There may be something to tell; called after the transaction that wrote it."""
        self._called.set()

    def is_quiet(self) -> bool:
        """Whether nothing waits to be told."""
        with self._database.transaction() as sql:
            return not webhook_deliveries.waiting(sql)

    def wait_until_quiet(self, seconds: float) -> bool:
        """Looks for so long whether nothing waits any more."""
        for _ in range(max(1, int(seconds * 100))):
            if self.is_quiet():
                return True
            self._stopping.wait(0.01)
        return self.is_quiet()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._called.clear()
            try:
                pause = self._round()
            except Exception:
                if self._stopping.is_set():
                    return
                _log.exception("The sandbox failed to deliver webhooks")
                pause = 1.0
            self._called.wait(pause)

    def _round(self) -> float | None:
        """Tells whoever may be told now; seconds until the next look, None when nothing waits."""
        with self._database.transaction() as sql:
            rows = webhook_deliveries.waiting(sql)
        left = [self._seconds_left(row) for row in rows]
        due = [row for row, seconds in zip(rows, left, strict=True) if seconds <= 0]
        for row in due:
            if self._stopping.is_set():
                return None
            self._deliver(row)
        if due:
            return 0.0
        # A short look now and then, because a test may move the clock.
        return min(0.5, *left) if left else None

    def _seconds_left(self, row: Row) -> float:
        delay = self._settings().webhook_delay
        if delay <= 0 or row["attempts"]:
            return 0.0
        return float(row["since"] + delay - time.time())

    def _deliver(self, webhook: Row) -> None:
        with self._database.transaction() as sql:
            told = webhook_deliveries.for_webhook(sql, webhook["id"])
            with_profiles = self._settings().webhook_profiles == "included"
            body = webhook_bodies.body(sql, webhook, told, with_profiles=with_profiles)
        if not told:
            return
        is_accepted = self._post(webhook["endpoint_url"], webhook_bodies.headers(webhook, body), body)
        if self._stopping.is_set():
            return
        with self._database.transaction() as sql:
            (webhook_deliveries.accepted if is_accepted else webhook_deliveries.failed)(
                sql, [row["delivery"] for row in told]
            )
        if not is_accepted:
            self._stopping.wait(0.1 * 3 ** webhook["attempts"])

    def _post(self, address: str, headers: Mapping[str, str], body: bytes) -> bool:
        parts = urlsplit(address)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=ENDPOINT_SECONDS)
        self._connection = connection
        try:
            path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
            connection.request("POST", path, body, dict(headers))
            return 200 <= connection.getresponse().status < 300
        except (OSError, HTTPException, ValueError):
            return False
        finally:
            self._connection = None
            connection.close()
