"""Fixtures: a kitchen that answers calls, a token for everything in it, and what calls with it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from integrations.api import abilities, registry, tokens
from integrations.models import ApiToken, Connection
from tests.integrations.api import kitchen

Ask = Callable[..., Any]


@pytest.fixture
def open_kitchen() -> Iterator[kitchen.Kitchen]:
    registry.register(kitchen.NAME)
    abilities.declare(*kitchen.ABILITIES)
    kitchen.here = kitchen.Kitchen()
    yield kitchen.here
    registry._parts.remove(kitchen.NAME)
    for one in kitchen.ABILITIES:
        abilities._declared.pop(one.name)


@pytest.fixture
def made(transactional_db: None, staff: User) -> tuple[ApiToken, str]:
    return tokens.make("Till", staff, abilities=["brew", "read"], per_minute=60_000)


@pytest.fixture
def secret(made: tuple[ApiToken, str]) -> str:
    return made[1]


@pytest.fixture
def tea_room(transactional_db: None, account: Connection) -> Connection:
    return account


@pytest.fixture
def ask(secret: str, tea_room: Connection, open_kitchen: kitchen.Kitchen) -> Ask:
    """A call with the token: a POST of `body` (bytes as they are, all else as JSON), or a GET without one."""

    def call(path: str = "", body: Any = None, *, method: str = "", **headers: str) -> Any:
        path = path or f"/api/v1/connections/{tea_room.pk}/brew"
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        said = {"authorization": f"Bearer {secret}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        kind = said.pop("content-type", "application/json")
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        verb = method or ("GET" if body is None else "POST")
        return client.generic(verb, path, data, content_type=kind, headers=said)

    return call
