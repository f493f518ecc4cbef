"""What is counted and blocked of accounts' budgets, in memory and in Redis."""

from functools import cache

import redis
from django.conf import settings

from integrations import pacing


def forget() -> None:
    """As if the time had passed that an account asked us to stay away, in a Redis that has been there for long."""
    pacing._memory.forget()
    if settings.REDIS_URL:
        client = _client(settings.REDIS_URL)
        if spent := list(client.scan_iter("sorae:pace:*", count=1000)):
            client.delete(*spent)
        pacing.remember_redis()


@cache
def _client(url: str) -> "redis.Redis":
    """One for all tests, which ask before and after each."""
    return redis.Redis.from_url(url, driver_info=None)
