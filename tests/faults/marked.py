"""Canary tokens: a Klaviyo whose every code and token bears a mark, and ears wherever one could be overheard."""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import celery
import pytest
import redis
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.test import Client

from klaviyo.sandbox.state import private_keys, token_store
from tests.faults import stored

MARK = "CANARY"
CLIENT_SECRET, WEBHOOK_SECRET = f"{MARK}-client-secret", f"{MARK}-secret-of-more-than-thirty-two-characters"
OUR_LOGGERS = ("integrations", "klaviyo", "referrals", "sorae")


class _Marked:
    """Python's `secrets`, each with the mark in front."""

    def __init__(self, module: Any) -> None:
        self._module = module

    def token_urlsafe(self, size: int) -> str:
        return MARK + str(self._module.token_urlsafe(size))

    def token_hex(self, size: int) -> str:
        return MARK + str(self._module.token_hex(size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def mark_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Codes, tokens and private keys of the sandbox from here on."""
    sign = token_store._signed_looking
    monkeypatch.setattr(token_store, "secrets", _Marked(secrets))
    monkeypatch.setattr(private_keys, "secrets", _Marked(secrets))
    monkeypatch.setattr(token_store, "_signed_looking", lambda *about: f"{MARK}.{sign(*about)}")


@dataclass
class Overheard:
    """What was said in each place; a place is the first word of what stands there."""

    messages: list[str] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)

    def look(self, browser: Client, addresses: list[str]) -> None:
        for address in addresses:
            answer: Any = browser.get(address)
            said = b"".join(answer.streaming_content) if answer.streaming else answer.content
            self.pages[address] = f"{dict(answer.headers)} {said.decode()}"


@contextmanager
def listening(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Overheard]:
    """Logs (ours down to DEBUG, everybody's from INFO) go to `caplog`, messages to the broker to `messages`."""
    heard = Overheard()
    publish = celery.Celery.send_task

    def published(self: celery.Celery, name: str, *args: Any, **options: Any) -> Any:
        heard.messages.append(f"{name} {args} {options}")
        return publish(self, name, *args, **options)

    monkeypatch.setattr(celery.Celery, "send_task", published)
    caplog.set_level(logging.INFO)
    for name in OUR_LOGGERS:
        caplog.set_level(logging.DEBUG, logger=name)
    yield heard


def kept_by_sessions_and_caches() -> str:
    """What is stored packed: sessions, and whatever is in the cache or in Redis."""
    packed = [str(row.get_decoded()) for row in Session.objects.all()]
    if settings.REDIS_URL:
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            return str([*packed, *(_of_redis(client, key) for key in client.scan_iter(count=1000))])
    return str([*packed, *getattr(caches["default"], "_cache", {}).items()])


def _of_redis(client: redis.Redis, key: bytes) -> tuple[bytes, object]:
    kind: Any = client.type(key)
    readers: dict[bytes, Any] = {
        b"string": client.get,
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"list": lambda name: client.lrange(name, 0, -1),
        b"zset": lambda name: client.zrange(name, 0, -1),
    }
    return key, readers.get(kind, bytes)(key)


def columns_with(*marks: str) -> set[str]:
    """The columns of the database in which one of the marks stands, in capitals or not."""
    wanted = [mark.lower() for mark in marks]
    return {place for place, value in stored.cells() if any(mark in _plain(value) for mark in wanted)}


def _plain(value: str) -> str:
    return value.lower() + value.lower().encode().decode("unicode_escape", "replace")
