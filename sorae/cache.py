"""The cache: Django's Redis backend; while Redis is away all goes on as if the cache were empty."""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT
from django.core.cache.backends.redis import RedisCache, RedisCacheClient

REST_SECONDS = 5.0  # after no answer came: only one visitor in a while waits for a Redis that is away

logger = logging.getLogger(__name__)


class ForgetfulRedisCache(RedisCache):
    """Django's own; while Redis is away, nothing is found and everything is new. Clears nobody else's keys."""

    _servers: list[str]
    _options: dict[str, Any]

    def add(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        with self._doing_without():
            return bool(super().add(key, value, timeout, version))
        return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        with self._doing_without():
            return super().get(key, default, version)
        return default

    def set(self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> None:
        with self._doing_without():
            super().set(key, value, timeout, version)

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        with self._doing_without():
            return bool(super().touch(key, timeout, version))
        return False

    def delete(self, key: Any, version: int | None = None) -> bool:
        with self._doing_without():
            return bool(super().delete(key, version))
        return False

    def has_key(self, key: Any, version: int | None = None) -> bool:
        with self._doing_without():
            return bool(super().has_key(key, version))
        return False

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Raises ValueError for a key that is not there, as Django's caches do."""
        with self._doing_without():
            return int(super().incr(key, delta, version))
        raise ValueError("The cache is away.")

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        with self._doing_without():
            return dict(super().get_many(keys, version))
        return {}

    def set_many(
        self, data: Mapping[Any, Any], timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        with self._doing_without():
            return list(super().set_many(dict(data), timeout, version))
        return list(data)

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        with self._doing_without():
            super().delete_many(keys, version)

    def clear(self) -> None:
        """Redis also holds Celery's messages and the budgets of requests."""
        with self._doing_without():
            client = self._cache.get_client(None, write=True)
            for key in client.scan_iter(f"{self.key_prefix}:*", count=1000):  # unlike KEYS, SCAN blocks nobody for long
                client.delete(key)

    @property
    def _cache(self) -> Any:
        if time.monotonic() < _rest_until.get(self._address, 0.0):
            raise _Resting
        return self._way

    @cached_property
    def _way(self) -> Any:
        return RedisCacheClient(self._servers, **self._options)

    @property
    def _address(self) -> str:
        return " ".join(self._servers)

    @contextmanager
    def _doing_without(self) -> Iterator[None]:
        from redis import ConnectionError, RedisError, TimeoutError  # heavy, and a command may never ask the cache

        try:
            yield
        except _Resting:
            pass
        except RedisError as error:
            logger.error("The cache does not answer: %s", type(error).__name__)
            if isinstance(error, ConnectionError | TimeoutError):
                _rest_until[self._address] = time.monotonic() + REST_SECONDS


class _Resting(Exception):
    """Redis did not answer a moment ago, and is not asked."""


_rest_until: dict[str, float] = {}  # by address, for all threads
