"""Yesterday's installation, upgraded to today's code, and its Klaviyo."""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django import conf
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from klaviyo.sandbox import Exchange, Sandbox
from tests import schemas
from tests.upgrades import klaviyo_then, past

SECOND = timedelta(seconds=1)
UNIQUE_ID = re.compile(rb'"unique_id": ?"([0-9a-f-]{36})"')


@dataclass
class Requests:
    """What Klaviyo is asked by the new version."""

    exchanges: list[Exchange] = field(default_factory=list)

    def of(self, *operations: str, about: str = "") -> list[Exchange]:
        """Those of these operations, of any if none is named, that say this word."""
        asked = [one for one in self.exchanges if not operations or one.operation in operations]
        return [one for one in asked if about.encode() in one.body + one.path.encode() + one.query.encode()]

    @property
    def events(self) -> list[str]:
        """The unique_id of each event that was told, once or several at a time."""
        told = [UNIQUE_ID.findall(one.body) for one in self.of("create_event", "bulk_create_events")]
        return [number.decode() for numbers in told for number in numbers]

    def at(self, account: str) -> list[Exchange]:
        return [one for one in self.exchanges if one.account == account]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Requests:
    """Named before `sandbox`, which it watches."""
    requests, check = Requests(), schemas.check

    def watch(exchange: Exchange) -> None:
        requests.exchanges.append(exchange)
        check(exchange)

    monkeypatch.setattr(schemas, "check", watch)
    return requests


SchemaAt = Callable[[Mapping[str, str]], str]


@pytest.fixture(scope="session")
def schema_at(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SchemaAt]:
    """An empty database at these migrations, to be copied; made once."""
    made: dict[str, str] = {}

    def at(migrations: Mapping[str, str]) -> str:
        key = repr(sorted(migrations.items()))
        if key not in made:
            with django_db_blocker.unblock():
                name = past.create_database(tmp_path_factory.mktemp("before"))
                with past.turned_to(name):
                    past.migrate(migrations)
            made[key] = name
        return made[key]

    yield at
    with django_db_blocker.unblock():
        for name in made.values():
            past.drop_database(name)


@pytest.fixture(scope="session")
def schema_before(schema_at: SchemaAt) -> str:
    """Likewise, at the migrations of the fixture."""
    return schema_at(past.read(past.STORE_SETTINGS)["migrations"])


@pytest.fixture
def before(
    transactional_db: None, schema_before: str, asked: Requests, sandbox: Sandbox, tmp_path: Path
) -> Iterator[past.Fixture]:
    """The installation as the version before this one left it, in a database of its own; not upgraded yet."""
    taken_at = timezone.now()
    renamed = klaviyo_then.remember(sandbox, past.read(past.STORE_SETTINGS, taken_at))
    fixture = past.read(past.STORE_SETTINGS, taken_at, renamed)
    name = past.create_database(tmp_path, like=schema_before)
    with past.turned_to(name):
        past.fill_in(fixture)
        asked.exchanges.clear()
        yield fixture
    past.drop_database(name)


@dataclass(frozen=True)
class Shared:
    """An upgraded installation of which each test gets a copy, and all that its Klaviyo knows."""

    database: str
    taken_at: datetime
    renamed: dict[str, str]
    klaviyo: sqlite3.Connection


@pytest.fixture(scope="session")
def upgraded_once(
    schema_before: str, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shared]:
    """The installation of `before`, migrated to the newest: that takes longer than most of what is tried on it."""
    taken_at = timezone.now()
    known_as, secret = conf.settings.KLAVIYO_CLIENT_ID, conf.settings.KLAVIYO_CLIENT_SECRET
    known = closing(sqlite3.connect(":memory:", check_same_thread=False))
    with Sandbox(limits=False, client_id=known_as, client_secret=secret) as sandbox, known as klaviyo:
        renamed = klaviyo_then.remember(sandbox, past.read(past.STORE_SETTINGS, taken_at))
        klaviyo_then.copy(sandbox, klaviyo)
        with django_db_blocker.unblock():
            name = past.create_database(tmp_path_factory.mktemp("upgraded"), like=schema_before)
            with past.turned_to(name):
                past.fill_in(past.read(past.STORE_SETTINGS, taken_at, renamed))
                past.upgrade()
        yield Shared(name, taken_at, renamed, klaviyo)
        with django_db_blocker.unblock():
            past.drop_database(name)


@pytest.fixture
def upgraded(
    transactional_db: None, upgraded_once: Shared, asked: Requests, sandbox: Sandbox, tmp_path: Path
) -> Iterator[past.Fixture]:
    """Migrated to the newest, and taken right now; what it held before."""
    # By whole seconds, as Klaviyo has no parts of one: an event of another second is not found by its delivery's time.
    later = (timezone.now() - upgraded_once.taken_at) // SECOND * SECOND
    now = upgraded_once.taken_at + later
    klaviyo_then.put_back(upgraded_once.klaviyo, sandbox, later)
    name = past.create_database(tmp_path, like=upgraded_once.database)
    with past.turned_to(name):
        past.shift_times(later)
        asked.exchanges.clear()
        yield past.read(past.STORE_SETTINGS, now, upgraded_once.renamed)
    past.drop_database(name)


@pytest.fixture
def olga(upgraded: past.Fixture) -> Client:
    """One of the group of operators, signed in."""
    return _signed_in("olga")


@pytest.fixture
def dora(upgraded: past.Fixture) -> Client:
    """Who was given the four permissions of store settings directly, signed in."""
    return _signed_in("dora")


def _signed_in(username: str) -> Client:
    client = Client()
    client.force_login(User.objects.get(username=username))
    return client
