"""The cast of the table of actions: a sandbox for a whole module, and the account in it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django import conf
from django.contrib.auth.models import User

from integrations import providers
from klaviyo.sandbox import Exchange, Sandbox
from tests import consent_screen, schemas
from tests.klaviyo.actions.world import World, sdk


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[tuple[Sandbox, list[Exchange]]]:
    """A Klaviyo without limits for all cases of a module, and what it was asked."""
    seen: list[Exchange] = []
    app: dict[str, Any] = {
        "client_id": conf.settings.KLAVIYO_CLIENT_ID,
        "client_secret": conf.settings.KLAVIYO_CLIENT_SECRET,
    }

    def observe(exchange: Exchange) -> None:
        schemas.check(exchange)
        seen.append(exchange)

    with Sandbox(limits=False, observer=observe, **app) as klaviyo:
        yield klaviyo, seen


@pytest.fixture
def world(
    db: None,
    settings: "pytest.FixtureRequest",
    one_sandbox: tuple[Sandbox, list[Exchange]],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    klaviyo, seen = one_sandbox
    settings.KLAVIYO_API_URL = klaviyo.url  # type: ignore[attr-defined]
    settings.KLAVIYO_AUTHORIZE_URL = f"{klaviyo.url}/oauth/authorize"  # type: ignore[attr-defined]
    user = User.objects.create_superuser("operator", "", "operator")
    additions = [addition.name for addition in providers.get("klaviyo").additions]
    connection = consent_screen.connected_by(user, klaviyo, also=additions)
    return World(klaviyo, connection, seen, sdk(klaviyo))
