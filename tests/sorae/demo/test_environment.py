"""The demo's own place: private, made afresh, and nothing outside it touched."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sorae.demo import DemoError, environment
from sorae.demo.environment import Ports
from tests.servers import free_port


@pytest.fixture
def ports() -> Ports:
    return Ports(free_port(), free_port())


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest.fixture(autouse=True)
def unlocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Locks are held until the process ends; a test gives its own back."""
    locks: list[int] = []
    make = os.set_inheritable

    def remember(lock: int, value: bool) -> None:
        locks.append(lock)
        make(lock, value)

    monkeypatch.setattr(os, "set_inheritable", remember)
    yield
    for lock in locks:
        os.close(lock)


def test_secrets_are_made_each_time_and_only_their_owner_can_read_them(tmp_path: Path, ports: Ports) -> None:
    own, replaced = environment.prepare(tmp_path / "demo", ports)
    assert not replaced
    assert len(own["SECRET_KEY"]) >= 50
    assert stat.S_IMODE((tmp_path / "demo" / "environment").stat().st_mode) == 0o600
    assert own["SECRET_KEY"] in (tmp_path / "demo" / "environment").read_text()


def test_the_machines_own_settings_do_not_leak_in(
    tmp_path: Path, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://production/")
    monkeypatch.setenv("REDIS_URL", "redis://production/")
    monkeypatch.setenv("KLAVIYO_API_URL", "https://a.klaviyo.com")
    monkeypatch.setenv("SECRET_KEY_FILE", "/run/secrets/key")
    own, _ = environment.prepare(tmp_path / "demo", ports)
    assert (own["DATABASE_URL"], own["REDIS_URL"]) == ("", "")
    assert own["KLAVIYO_API_URL"] == ports.sandbox_url
    assert "SECRET_KEY_FILE" not in own


def test_an_older_demo_makes_room_and_everything_else_stays(tmp_path: Path, ports: Ports) -> None:
    old = tmp_path / "demo"
    (old / "broker" / "messages").mkdir(parents=True)
    (old / "sorae.sqlite3-wal").touch()
    (old / "my notes.txt").touch()
    (tmp_path / "sorae.sqlite3").touch()
    _, replaced = environment.prepare(old, ports)
    assert replaced
    assert sorted(item.name for item in old.iterdir()) == ["environment", "lock", "logs", "my notes.txt", "tmp"]
    assert (tmp_path / "sorae.sqlite3").exists()


@pytest.mark.parametrize("option", ["--port", "--sandbox-port"])
def test_a_taken_port_is_named_with_its_option_and_nothing_is_touched(tmp_path: Path, taken: int, option: str) -> None:
    ports = Ports(taken, free_port()) if option == "--port" else Ports(free_port(), taken)
    with pytest.raises(DemoError, match=rf"Port {taken} is taken\..* {option}\."):
        environment.prepare(tmp_path / "demo", ports)
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize("ports", [Ports(8000, 8000), Ports(8000, 70_000), Ports(-1, 8100)])
def test_ports_that_cannot_be_are_refused(tmp_path: Path, ports: Ports) -> None:
    with pytest.raises(DemoError):
        environment.prepare(tmp_path / "demo", ports)


def test_two_demos_do_not_run_in_one_place(tmp_path: Path, ports: Ports) -> None:
    environment.prepare(tmp_path / "demo", ports)
    with pytest.raises(DemoError, match="is running"):
        environment.prepare(tmp_path / "demo", ports)
