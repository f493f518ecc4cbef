"""The cache that all processes share, and how the site does without it while Redis is away."""

from collections.abc import Iterator

import pytest
import redis

from sorae.cache import ForgetfulRedisCache
from tests import servers

SETTINGS = {"KEY_PREFIX": "sorae:cache", "OPTIONS": {"socket_connect_timeout": 1, "socket_timeout": 1}}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    try:
        with servers.redis() as found:
            yield found
    except servers.NotHere as missing:
        pytest.skip(str(missing))


def test_it_keeps_what_it_is_given(address: str) -> None:
    here, there = ForgetfulRedisCache([address], SETTINGS), ForgetfulRedisCache([address], SETTINGS)
    assert here.add("tea", 1, 60)
    assert not there.add("tea", 5, 60)
    assert there.incr("tea") == 2
    assert there.set_many({"milk": ("cold",), "sugar": None}, 60) == []
    assert here.get_many(["tea", "milk", "cake"]) == {"tea": 2, "milk": ("cold",)}
    assert here.touch("tea", 60)
    assert here.delete("tea")
    assert not here.has_key("tea")
    with pytest.raises(ValueError, match="tea"):
        here.incr("tea")


def test_clearing_it_leaves_what_others_keep_in_the_same_redis(address: str) -> None:
    with redis.Redis.from_url(address) as client:
        client.set("sorae:deliveries", "messages")
        cache = ForgetfulRedisCache([address], SETTINGS)
        cache.set("tea", 1)
        cache.clear()
        assert cache.get("tea") is None
        assert client.get("sorae:deliveries") == b"messages"


def test_while_redis_is_away_nothing_is_known_and_nothing_breaks(caplog: pytest.LogCaptureFixture) -> None:
    cache = ForgetfulRedisCache([f"redis://:secret@127.0.0.1:{servers.free_port()}/0"], SETTINGS)
    assert cache.add("tea", 1, 60)
    cache.set("tea", 1, 60)
    assert cache.get("tea", "none") == "none"
    assert not cache.has_key("tea")
    assert not cache.touch("tea")
    assert not cache.delete("tea")
    assert cache.get_many(["tea"]) == {}
    assert cache.set_many({"tea": 1}) == ["tea"]
    cache.delete_many(["tea"])
    cache.clear()
    with pytest.raises(ValueError, match="away"):
        cache.incr("tea")
    assert "The cache does not answer: ConnectionError" in caplog.text
    assert "secret" not in caplog.text
