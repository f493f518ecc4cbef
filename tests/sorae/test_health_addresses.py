"""Health checks for load balancers: alive, ready, or what is missing."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import Settings

from sorae import health
from tests import servers
from tests.referrals import wire


@pytest.fixture(autouse=True)
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_is_migrated", False)


@pytest.fixture
def no_database() -> Iterator[None]:
    with patch.object(connection, "cursor", side_effect=OperationalError("secret-host refused")):
        yield


def asked(path: str) -> tuple[int, str]:
    answer = Client().get(path)
    assert "no-cache" in answer["Cache-Control"]
    return answer.status_code, answer.content.decode()


@pytest.mark.parametrize("path", ["/health/", "/health/live", "/health/ready"])
def test_when_all_is_well_each_says_so(transactional_db: None, path: str) -> None:
    assert asked(path) == (200, "ok")


def test_without_its_database_it_lives_and_is_not_ready(transactional_db: None, no_database: None) -> None:
    assert asked("/health/live") == (200, "ok")
    assert asked("/health/ready") == (503, "unavailable: no database")
    assert asked("/health/") == (503, "unavailable")


def test_without_a_migration_it_is_not_ready(transactional_db: None) -> None:
    last = MigrationRecorder.Migration.objects.filter(app="integrations").order_by("-name").first()
    assert last is not None
    last.delete()
    try:
        assert asked("/health/ready") == (503, "unavailable: migrations are missing")
    finally:
        MigrationRecorder.Migration.objects.create(app=last.app, name=last.name)
    assert asked("/health/ready") == (200, "ok")


def test_once_ready_it_looks_for_migrations_no_more(transactional_db: None) -> None:
    asked("/health/ready")
    with patch("django.db.migrations.executor.MigrationExecutor", side_effect=AssertionError):
        assert asked("/health/ready") == (200, "ok")


def test_redis_can_be_done_without(transactional_db: None, settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{servers.free_port()}/0"
    assert asked("/health/ready") == (200, "ok, without Redis")


def test_with_https_inside_addresses_lead_nowhere_else(transactional_db: None, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    for path in ("/health/", "/health/live", "/health/ready", "/metrics"):
        assert Client().get(path).status_code != 301
    assert Client().get("/admin/").status_code == 301


HOSTS = [
    "10.42.8.201:8000",
    "[fd00::17]:8000",
    "web",
    "sorae_web_1:8000",
    "sorae-web.default.svc:8000",
    "a b",
    "",
    None,
]


@pytest.mark.parametrize("host", HOSTS)
def test_probes_ask_by_whatever_address_they_know(transactional_db: None, settings: Settings, host: str | None) -> None:
    """Kubernetes asks a pod by its address, and a load balancer without any name."""
    settings.ALLOWED_HOSTS = ["referrals.example.com"]
    settings.SITE_URL = "https://referrals.example.com"
    settings.SECURE_SSL_REDIRECT = True
    settings.METRICS_TOKEN = "x" * 40
    named: dict[str, Any] = {} if host is None else {"HTTP_HOST": host}
    named["SERVER_NAME"] = "10.42.8.201"
    for method in ("GET", "HEAD"):
        for path in ("/health/", "/health/live", "/health/ready"):
            assert wire.ask(method, path, **named).status == 200, (path, host)
        assert wire.ask(method, "/health", **named).headers["Location"] == "/health/"
        assert wire.ask(method, "/metrics", **named).status == 401
        knowing = named | {"HTTP_AUTHORIZATION": "Bearer " + "x" * 40}
        assert wire.ask(method, "/metrics", **knowing).status == 200
    for path in ("/admin/login/", "/health/live/", "/health/else", "/r/ABCDEFGH"):
        assert wire.ask("GET", path, **named).status in {400, 404}, path
