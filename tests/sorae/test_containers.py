"""Containers: their Redis asks for a password, with an `.env` of today and with one of yesterday."""

import os
import re
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from tests import servers

ROOT = Path(__file__).resolve().parents[2]
REQUIRED = {"SECRET_KEY": "s", "ENCRYPTION_KEYS": "e", "KLAVIYO_CLIENT_ID": "i", "KLAVIYO_CLIENT_SECRET": "c"}
YESTERDAY = REQUIRED | {"POSTGRES_PASSWORD": "postgres1"}
NAMED = re.compile(r"\$(?:\$|\{(\w+)(?:(:[-?])((?:[^{}]|\{[^{}]*\})*))?\})")


def services(env: dict[str, str]) -> dict[str, Any]:
    """What compose reads: https://docs.docker.com/reference/compose-file/interpolation/"""
    text = (ROOT / "docker-compose.yml").read_text()
    return dict(yaml.safe_load(filled_in(text, env))["services"])


def filled_in(text: str, env: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        name, how, rest = found.groups()
        if name is None:
            return "$"
        if env.get(name):
            return env[name]
        assert how != ":?", f"{name} is missing"
        return filled_in(rest or "", env)

    return NAMED.sub(value, text)


@pytest.mark.parametrize(
    ("env", "password"),
    [
        (YESTERDAY, "postgres1"),
        (YESTERDAY | {"REDIS_PASSWORD": ""}, "postgres1"),
        (YESTERDAY | {"REDIS_PASSWORD": "redis2"}, "redis2"),
    ],
)
def test_all_that_speaks_to_redis_knows_its_password(env: dict[str, str], password: str) -> None:
    composed = services(env)
    for name in ("setup", "web", "worker", "beat"):
        assert composed[name]["environment"]["REDIS_URL"] == f"redis://:{password}@redis:6379/0"
    assert composed["redis"]["environment"] == {"REDISCLI_AUTH": password}
    assert password not in str(composed["redis"]["command"])


def test_redis_answers_whoever_knows_it_and_its_health_check_does(tmp_path: Path) -> None:
    """The very command of the container, on a port and in a folder of this test."""
    port = servers.free_port()
    try:
        with servers.redis():
            pass
    except servers.NotHere as missing:
        pytest.skip(f"Redis with a password. {missing}")
    composed = services(YESTERDAY)["redis"]
    shell, option, script = composed["command"]
    script = script.replace("redis-server ", f"redis-server --bind 127.0.0.1 --port {port} --dir {tmp_path} ")
    env = {"PATH": os.environ["PATH"], **composed["environment"]}
    with ExitStack() as stack:
        server = stack.enter_context(subprocess.Popen([shell, option, script], env=env, stdout=subprocess.DEVNULL))
        stack.callback(server.terminate)
        check = composed["healthcheck"]["test"].replace("redis-cli ", f"redis-cli -p {port} ")
        while subprocess.run(["bash", "-c", check], env=env, stderr=subprocess.DEVNULL).returncode:
            assert server.poll() is None
        client = stack.enter_context(redis.Redis(port=port))
        with pytest.raises(redis.AuthenticationError):
            client.ping()
        knowing = stack.enter_context(redis.Redis(port=port, password="postgres1"))
        assert knowing.config_get("maxmemory-policy", "appendonly") == {
            "maxmemory-policy": "noeviction",
            "appendonly": "yes",
        }
    assert server.returncode == 0
