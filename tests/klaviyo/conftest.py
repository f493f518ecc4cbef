"""The cast of Klaviyo's tests, beside the one that all share."""

from collections.abc import Callable

import pytest

from integrations.models import Connection
from klaviyo.sandbox import Exchange
from tests import schemas
from tests.conftest import Connect


@pytest.fixture
def second_connection(connect: Connect, connection: Connection) -> Connection:
    """Another account of the same operator."""
    connect(account="Qk7LmA")
    return Connection.objects.get(account_id="Qk7LmA")


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
