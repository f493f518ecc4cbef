"""The Redis broker: kombu's transport, where a message that cannot be read ends no worker."""

import json
import logging
from typing import Any

from kombu.transport import redis

logger = logging.getLogger(__name__)


class Channel(redis.Channel):
    """Messages that are not JSON are dropped (kombu 5.7 would end the worker): they only wake workers up."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            return _dropped()


class Transport(redis.Transport):
    """Drops also what is JSON, but no message."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            is_readable = _is_readable(self.Channel.Message(message, channel=self.channels[0]))  # type: ignore[index]
        except Exception:  # whatever a decoder raises
            is_readable = False
        if is_readable:
            super()._deliver(message, queue)
        else:
            _dropped()


def _is_readable(message: Any) -> bool:
    """A task's message as Celery writes it, or one of those by which workers talk to each other."""
    headers, body = message.headers or {}, message.decode()
    if "task" not in headers:
        return isinstance(body, dict)
    match body:
        case [list(), dict(), dict()]:
            return all(isinstance(headers.get(name), str) for name in ("task", "id"))
        case _:
            return False


def _dropped() -> bool:
    logger.error("A message in Redis could not be read, and was dropped. Does another program write to this Redis?")
    return True
