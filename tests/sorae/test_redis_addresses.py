"""Redis URLs: Celery, the cache, the rate limits and the health check read one alike, or it is refused in words."""

import datetime
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kombu import Connection
from pytest_django import Settings

from integrations.pacing import Window, redis_counters
from integrations.pacing.memory import Memory
from sorae import celery, health, redis_addresses
from sorae.cache import ForgetfulRedisCache
from sorae.web_addresses import Malformed
from tests import servers

READ = {  # as told, and what a connection is made with
    "redis://localhost": ("localhost", 6379, 0, None, None, None),
    "REDIS://LOCALHOST/": ("localhost", 6379, 0, None, None, None),
    "redis://:p%40ss%2F%3B@localhost:6380/3": ("localhost", 6380, 3, None, "p@ss/;", None),
    "redis://:p@ss@localhost?db=3": ("localhost", 6379, 3, None, "p@ss", None),
    "redis://user:$ecret%25@localhost/3?db=3": ("localhost", 6379, 3, "user", "$ecret%", None),
    "redis://:@localhost/03": ("localhost", 6379, 3, None, None, None),
    "redis://stra\u00dfe.example": ("xn--strae-oqa.example", 6379, 0, None, None, None),
    "redis://my_redis": ("my_redis", 6379, 0, None, None, None),
    "redis://[::1]:6379/0": ("::1", 6379, 0, None, None, None),
    "rediss://redis.example": ("redis.example", 6379, 0, None, None, "required"),
    "rediss://redis.example:6380/?ssl_cert_reqs=CERT_REQUIRED": ("redis.example", 6380, 0, None, None, "required"),
    "rediss://redis.example:6380/2?ssl_cert_reqs=none": ("redis.example", 6380, 2, None, None, "none"),
    "Rediss://redis.example?ssl_ca_certs=/etc/hosts": ("redis.example", 6379, 0, None, None, "required"),
    "rediss://redis.example?ssl_check_hostname=False": ("redis.example", 6379, 0, None, None, "required"),
}
REFUSED = {
    "redis://secret@localhost": "names a user and no password",
    "redis://secret:@localhost": "names a user and no password",
    "redis://:secret#@localhost:6379": "is not a Redis address",
    "redis://one:6379;redis://two:6379": "is not a Redis address",
    "redis://one:6379,two:6379": "is not a Redis address",
    "unix:///run/redis.sock": "is not a Redis address",
    "redis+socket:///run/redis.sock": "is not a Redis address",
    "sentinel://localhost:26379": "is not a Redis address",
    "redis://localhost:0": "is not a Redis address",
    "redis://localhost/0#1": "is not a Redis address",
    "redis://localhost/cache": "does not name a database by its number",
    "redis://localhost/1/2": "does not name a database by its number",
    "redis://localhost/-1": "does not name a database by its number",
    "redis://localhost/1?db=2": "does not name a database by its number",
    "redis://localhost?ssl_cert_reqs=required": "has an option that not all read alike: ssl_cert_reqs",
    "redis://localhost?socket_timeout=5": "has an option that not all read alike: socket_timeout",
    "rediss://localhost?protocol=3": "has an option that not all read alike: protocol",
    "rediss://localhost?ssl_cert_reqs=maybe": "has an ssl_cert_reqs that not all read alike",
    "rediss://localhost?ssl_cert_reqs=optional": "has an ssl_cert_reqs that not all read alike",
    "rediss://localhost?ssl_check_hostname=maybe": "has an ssl_check_hostname that not all read alike",
    "rediss://localhost?ssl_ca_certs=/nowhere/ca.pem": "names a file in ssl_ca_certs that cannot be read",
}
MODES = {None: None, ssl.CERT_REQUIRED: "required", ssl.CERT_NONE: "none"}


def cache_at(url: str) -> Any:
    return ForgetfulRedisCache([url], {"OPTIONS": {"socket_connect_timeout": 5, "socket_timeout": 5}})


def clients(url: str) -> list[Any]:
    """The client of each part, as that part makes it."""
    assert celery.app  # our transport is named
    with Connection(url) as broker, patch.object(redis.Redis, "ping"):
        celerys = broker.default_channel.client  # type: ignore[attr-defined]
    counters = redis_counters.Shared(url, Memory())
    return [celerys, cache_at(url)._cache.get_client(None, write=True), counters._client, redis.Redis.from_url(url)]


def made_with(client: Any) -> tuple[Any, ...]:
    connection = client.connection_pool.make_connection()
    names = ("host", "port", "db", "username", "password")
    plain = tuple(getattr(connection, name, None) for name in names)
    mode = MODES[getattr(connection, "cert_reqs", None)]
    tls = (getattr(connection, name, None) for name in ("check_hostname", "ca_certs"))
    return (*plain, mode, *tls)


@pytest.mark.parametrize("told", READ)
def test_all_parts_read_an_address_alike(told: str) -> None:
    url = redis_addresses.read(told)
    assert redis_addresses.read(url) == url
    found = [made_with(client) for client in clients(url)]
    assert found == [found[0]] * 4
    assert found[0][:6] == READ[told]
    assert bool(found[0][6]) == (READ[told][5] == "required" and "False" not in told)
    assert found[0][7] == ("/etc/hosts" if "ca_certs" in told else None)


@pytest.mark.parametrize("told", REFUSED)
def test_what_not_all_would_read_alike_is_refused(told: str) -> None:
    with pytest.raises(Malformed) as refused:
        redis_addresses.read(told)
    assert refused.value.sentence.startswith(REFUSED[told])
    assert refused.value.hint
    assert "secret" not in refused.value.sentence + refused.value.hint


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """One of a Redis at localhost that signs itself; its key lies beside it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tests")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day).add_extension(names, False)
    made = made.add_extension(x509.BasicConstraints(True, None), True)
    path = tmp_path / "redis.pem"
    path.write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.with_suffix(".key").write_bytes(key.private_bytes(*form))
    return path


@pytest.fixture
def tls_port(certificate: Path) -> Iterator[int]:
    """The port of a Redis that speaks TLS alone."""
    try:
        with servers.redis():
            pass
    except servers.NotHere as missing:
        pytest.skip(f"A Redis that speaks TLS. {missing}")
    port, key = servers.free_port(), certificate.with_suffix(".key")
    command = f"redis-server --port 0 --tls-port {port} --bind 127.0.0.1 --tls-auth-clients no --save"
    files = ["", "--dir", str(certificate.parent), "--tls-cert-file", str(certificate), "--tls-key-file", str(key)]
    with subprocess.Popen([*command.split(), *files], stdout=subprocess.DEVNULL) as server:
        while True:
            try:
                with redis.Redis("localhost", port, ssl=True, ssl_ca_certs=str(certificate)) as client:
                    client.ping()
                break
            except redis.ConnectionError:
                assert server.poll() is None, "This redis-server knows no TLS."
                time.sleep(0.05)
        yield port
        server.terminate()


def who_connects(url: str, settings: Settings) -> list[bool]:
    """Celery, the cache, the rate limits and the health check, in turn."""
    cache, counters = cache_at(url), redis_counters.Shared(url, Memory())
    cache.set("colour", "green")
    settings.REDIS_URL = url
    try:
        with Connection(url, transport_options={"max_retries": 0}) as broker:
            broker.ensure_connection(max_retries=1, interval_start=0)
        is_celery_there = True
    except Exception:
        is_celery_there = False
    window = Window(60, 1)
    return [is_celery_there, cache.get("colour") == "green", counters.used("b", [window]) is not None, _is_healthy()]


def _is_healthy() -> bool:
    return health._is_redis_there()


@pytest.mark.parametrize(
    ("option", "connects"),
    [
        ("", False),
        ("?ssl_cert_reqs=required", False),
        ("?ssl_ca_certs={}", True),
        ("?ssl_cert_reqs=none", True),
    ],
)
def test_over_tls_all_connect_or_none(
    tls_port: int, certificate: Path, settings: Settings, option: str, connects: bool
) -> None:
    url = redis_addresses.read(f"rediss://localhost:{tls_port}/0{option.replace('{}', str(certificate))}")
    assert who_connects(url, settings) == [connects] * 4
