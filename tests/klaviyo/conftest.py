"""TEMPORARY"""
import datetime
from collections.abc import Callable, Iterator
from typing import Any
import pytest
from django.utils import timezone
from integrations import draining, pacing
from integrations.models import Connection, Delivery
from klaviyo.models import ProfileSync
from klaviyo.sandbox import Exchange, Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program, Store

@pytest.fixture
def exchanges() -> list[Exchange]:
    return []

@pytest.fixture
def sandbox(settings: Any, exchanges: list[Exchange]) -> Iterator[Sandbox]:
    pacing._memory.forget()
    with Sandbox(limits=False, client_id=settings.KLAVIYO_CLIENT_ID, client_secret=settings.KLAVIYO_CLIENT_SECRET, observer=exchanges.append) as klaviyo:
        settings.KLAVIYO_API_URL = klaviyo.url
        settings.KLAVIYO_AUTHORIZE_URL = klaviyo.url + "/oauth/authorize"
        yield klaviyo

@pytest.fixture
def sent(exchanges: list[Exchange]) -> Callable[[], list[Exchange]]:
    return lambda: list(exchanges)

def make(sandbox: Sandbox, account: str) -> Connection:
    tokens = sandbox.connect(account)
    c = Connection.objects.create(provider="klaviyo", account_id=account, state="connected")
    c.access_token = tokens.access_token; c.refresh_token = tokens.refresh_token
    c.access_expires_at = timezone.now() + datetime.timedelta(hours=1); c.refreshed_at=timezone.now(); c.scopes = tokens.scope; c.generation = 1
    c.save()
    return c

@pytest.fixture
def connection(db: None, sandbox: Sandbox) -> Connection: return make(sandbox, "VxYz12")
@pytest.fixture
def second_connection(db: None, sandbox: Sandbox) -> Connection: return make(sandbox, "Qk7LmA")
@pytest.fixture
def tea_house(db: None) -> Store: return Store.objects.create(slug="tea-house", name="Tea House", url="https://teahouse.test", country="FI", currency="EUR")
@pytest.fixture
def spring(tea_house: Store) -> Program: return Program.objects.create(store=tea_house, slug="spring", name="Spring", offer="10 %")
@pytest.fixture
def sync(tea_house: Store, connection: Connection) -> ProfileSync: return ProfileSync.objects.create(store=tea_house, connection=connection, behaviour="create")
@pytest.fixture
def ann(spring: Program, sync: ProfileSync) -> Advocate: return lifecycle.join(spring, "Ann+tea@teahouse.test", first_name="Ann", last_name="Lee")
@pytest.fixture
def drain() -> Callable[[], None]:
    def run() -> None:
        for pk in Connection.objects.values_list("pk", flat=True):
            draining.drain(pk)
    return run
