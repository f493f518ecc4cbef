"""Journal of the requests that came in, without anything secret in them."""

import json
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_KEPT = 10_000


@dataclass(frozen=True)
class Entry:
    """One request as the log keeps it; the path is without its query."""

    at: str
    operation: str
    method: str
    path: str
    account: str | None
    status: int
    request_id: str
    fault: str | None = None


@dataclass(frozen=True)
class Exchange:
    """One API call as a test may look at it; `headers` are lower-case and never hold Authorization.

    Of that, `scheme` is the first word: `Bearer` or `Klaviyo-API-Key`.
    """

    operation: str | None
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    account: str | None
    answer: bytes
    request_id: str
    scheme: str = ""

    @property
    def json(self) -> Any:
        """The body that was sent, or None when there was none."""
        return json.loads(self.body) if self.body else None


class Journal:
    """The last requests, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[Entry] = deque(maxlen=_KEPT)
        self._counts: dict[str, dict[int, int]] = {}

    def write(self, entry: Entry) -> None:
        with self._lock:
            self._entries.append(entry)
            by_status = self._counts.setdefault(entry.operation, {})
            by_status[entry.status] = by_status.get(entry.status, 0) + 1

    def all(self) -> list[Entry]:
        with self._lock:
            return list(self._entries)

    def counts(self) -> dict[str, dict[int, int]]:
        """How many answers of each status every operation gave, also those that are no longer listed."""
        with self._lock:
            return {operation: dict(by_status) for operation, by_status in self._counts.items()}

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._counts.clear()
