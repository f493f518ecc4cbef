"""HTTP requests and replies as values, before anyone knows what they mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

JSON_API = "application/vnd.api+json"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True)
class Request:
    """One HTTP request; header names are lower-case, the body may have been refused as too large."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    too_large: bool = False

    @property
    def host(self) -> str:
        return self.headers.get("host", "")

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def query_pairs(self) -> list[tuple[str, str]]:
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass(frozen=True)
class Delivery:
    """How an answer travels; anything but the default is a fault that somebody asked for."""

    wait: float = 0.0
    drip: float = 0.0
    pace: float = 0.0
    truncate: bool = False
    drop: bool = False
    reset: bool = False


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery()

    def later(self, seconds: float) -> Reply:
        """The same, so much longer on its way."""
        if seconds <= 0:
            return self
        return replace(self, delivery=replace(self.delivery, wait=self.delivery.wait + seconds))

    def with_headers(self, extra: Mapping[str, str]) -> Reply:
        return replace(self, headers={**self.headers, **extra})


def json_reply(status: int, document: Any, media_type: str = "application/json") -> Reply:
    body = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return Reply(status, body, {"Content-Type": media_type})


def html_reply(status: int, page: str) -> Reply:
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return Reply(status, page.encode(), headers)


def redirect(address: str, status: int = 302) -> Reply:
    return Reply(status, b"", {"Location": address, "Cache-Control": "no-store"})
