"""The cast of Klaviyo's tests, beside the one that all share."""

import json
from collections.abc import Callable
from typing import Any, Protocol

import pytest
import requests
from django.contrib.auth.models import User

from integrations import pacing
from integrations.models import Connection
from integrations.providers import Access
from klaviyo.api import transport
from klaviyo.api.operation import Operation
from klaviyo.sandbox import Exchange, Sandbox
from tests import consent_screen, schemas
from tests.klaviyo import flows_cast


@pytest.fixture
def second_connection(sandbox: Sandbox, operator: User, connection: Connection) -> Connection:
    """Another account of the same operator."""
    return consent_screen.connected_by(operator, sandbox, "Qk7LmA")


@pytest.fixture
def allowed(sandbox: Sandbox, operator: User) -> Connection:
    """Connected to Tea House Ltd, and allowed what the flows tab and the starter kit need."""
    return consent_screen.connected_by(operator, sandbox, also=flows_cast.ALSO)


class Spoil(Protocol):
    """Have Klaviyo's answer to an operation changed on its way, `times` often."""

    def __call__(self, operation: str, change: Callable[[Any], Any], *, times: int = 1_000) -> None: ...


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Spoil:
    """spoil("get_profiles", lambda document: {...}); what gives bytes or (status, bytes) is taken as it is."""
    send = transport.send

    def spoil(operation: str, change: Callable[[Any], Any], *, times: int = 1_000) -> None:
        left = [times]

        def spoiled(asked: Operation, access: Access, **request: Any) -> requests.Response:
            response = send(asked, access, **request)
            if asked.id == operation and left[0]:
                left[0] -= 1
                changed = change(json.loads(response.content) if response.content else {})
                if isinstance(changed, tuple):
                    response.status_code, changed = changed
                response._content = changed if isinstance(changed, bytes) else json.dumps(changed).encode()
            return response

        monkeypatch.setattr(transport, "send", spoiled)

    return spoil


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[Exchange]]:
    """What Klaviyo was asked, in order; named before `sandbox`, which it watches."""
    exchanges: list[Exchange] = []
    check = schemas.check

    def watch(exchange: Exchange) -> None:
        exchanges.append(exchange)
        check(exchange)

    monkeypatch.setattr(schemas, "check", watch)
    return lambda: list(exchanges)


@pytest.fixture
def without_limits(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """However quick the machine is, nothing waits for a budget."""
    sandbox.settings(limits=False)
    monkeypatch.setattr(pacing, "_counted", lambda *_budgets, **_how: 0)
