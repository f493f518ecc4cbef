"""Exchanges of a run: its requests and Klaviyo's answers as they were, as far as they are kept."""

from dataclasses import dataclass, field
from typing import Any

from klaviyo.actions.dry_run import readable
from klaviyo.api.client import Exchange

MOST = 20  # of a longer run the first ones
LARGEST = 100_000  # bytes of a body
HIDDEN = ("secret_key",)


@dataclass
class Exchanges:
    """They hold no authorization, but they may hold people."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    request_ids: list[str] = field(default_factory=list)

    def note(self, exchange: Exchange) -> None:
        """Keep one."""
        if exchange.request_id:
            self.request_ids.append(exchange.request_id)
        if len(self.kept) >= MOST:
            return
        request = exchange.request
        self.kept.append(
            {
                "operation": exchange.operation.id,
                "method": request.method,
                "address": request.address,
                "body": _body(request.content, request.headers.get("Content-Type", "")),
                "status": exchange.status,
                "answer": _body(exchange.content, exchange.headers.get("Content-Type", "")),
                "request_id": exchange.request_id,
                "code": exchange.code,
                "took_ms": round(exchange.seconds * 1000),
            }
        )


def _body(content: bytes | None, media_type: str) -> Any:
    if content and len(content) > LARGEST:
        return f"{len(content)} bytes"
    return without_secrets(readable(content, media_type))


def without_secrets(value: Any) -> Any:
    """The value, with dots where a secret stands."""
    match value:
        case dict():
            return {name: "…" if name in HIDDEN else without_secrets(inner) for name, inner in value.items()}
        case list():
            return [without_secrets(inner) for inner in value]
        case _:
            return value
