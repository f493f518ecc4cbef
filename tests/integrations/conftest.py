"""Fixtures, the cast: Staff runs the site's connections; Teapot is a provider with a real OAuth server."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection as database
from django.db import connections as databases
from django.test import Client

from integrations import providers
from integrations.models import Connection
from integrations.providers import Provider
from tests.integrations.kettle import Kettle, connected
from tests.integrations.operators import come_back, leave, somebody
from tests.integrations.teapot import Teapot, serve


@pytest.fixture
def teapot() -> Iterator[Teapot]:
    teapot = Teapot()
    server = serve(teapot)
    providers.register(teapot.provider())
    yield teapot
    providers._registered.pop("teapot")
    server.shutdown()
    server.server_close()


@pytest.fixture
def provider(teapot: Teapot) -> Provider:
    return providers.get("teapot")


@pytest.fixture
def staff(db: None) -> User:
    return somebody("staff")


@pytest.fixture
def browser(staff: User) -> Client:
    browser = Client()
    browser.force_login(staff)
    return browser


@pytest.fixture
def tearoom(teapot: Teapot, browser: Client) -> Connection:
    """An account that staff has connected."""
    come_back(browser, teapot.consent(leave(browser)))
    return Connection.objects.get(account_id="A1")


@pytest.fixture
def calls(teapot: Teapot, tearoom: Connection) -> Callable[[], int]:
    """Token calls since the account was connected."""
    before = teapot.calls["/oauth/token"]
    return lambda: teapot.calls["/oauth/token"] - before


@pytest.fixture
def at_once() -> Callable[[int, Callable[[], Any]], list[Any]]:
    """What so many threads get that do the same at the same time. A database in memory takes one at a time."""

    def run(number: int, act: Callable[[], Any]) -> list[Any]:
        if "memory" in str(database.settings_dict["NAME"]):
            return [act() for _ in range(number)]
        start = Barrier(number)

        def one() -> Any:
            try:
                start.wait(timeout=300)
                return act()
            finally:
                databases.close_all()

        with ThreadPoolExecutor(number) as pool:
            runs = [pool.submit(one) for _ in range(number)]
            return [run.result(timeout=600) for run in runs]

    return run


@pytest.fixture
def kettle() -> Iterator[Kettle]:
    """A provider of so little that everything can be seen."""
    kettle = Kettle()
    told: Any = {"addresses": None, "identify": None}
    providers.register(Provider("kettle", "Kettle", (), kinds=kettle.kinds, bulk_from=lambda: 5, **told))
    yield kettle
    providers._registered.pop("kettle")


@pytest.fixture
def account(kettle: Kettle) -> Connection:
    """One of its accounts, connected."""
    return connected("A1")
