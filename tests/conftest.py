"""What all tests share: a Klaviyo on this machine, and the cast.

Ann is the advocate, Tea House the store, Spring its program. Whoever uses the cast gets a database with real
commits (as `django_db(transaction=True)` gives), so `on_commit` runs and the database's clock goes on; no mark is
needed. Celery's messages go nowhere: a test calls `drain()` to do what workers would do.
"""

import ipaddress
import os
import shutil
import signal
import sys
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django import conf
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection as database
from django.http import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from integrations import outbox
from integrations.models import Connection
from integrations.outbox import wake_ups
from integrations.pauses import circuit_breaker
from integrations.workers import account_slots, tempo, worker
from klaviyo.models import StoreSetting
from klaviyo.sandbox import Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program, Store
from tests import budgets, consent_screen, emptying, migrated, schemas, servers

TEA_HOUSE_LTD = consent_screen.TEA_HOUSE_LTD
MOST_BATCHES = 100
THREADS = 64  # tests play many workers in one process

Drain = Callable[[], None]
Connect = Callable[..., HttpResponseBase]


@pytest.fixture(autouse=True)
def clean_slate() -> None:
    """No test pays for the requests of another, or sees what another has put into the cache or been refused.

    Nor does it leave a broker in peace that another has found away, or take less as another was slow.
    """
    cache.clear()
    budgets.forget()
    circuit_breaker._closed.clear()
    wake_ups._broker_rests_until = 0.0
    account_slots.there_are(THREADS)
    tempo.forget()


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[Sandbox]:
    """A Klaviyo without rate limits. A request that the real one's publications do not allow fails the test."""
    app = {"client_id": settings.KLAVIYO_CLIENT_ID, "client_secret": settings.KLAVIYO_CLIENT_SECRET}
    with Sandbox(limits=False, observer=schemas.check, **app) as klaviyo:
        settings.KLAVIYO_API_URL = klaviyo.url
        settings.KLAVIYO_AUTHORIZE_URL = f"{klaviyo.url}/oauth/authorize"
        yield klaviyo


@pytest.fixture
def operator(transactional_db: None) -> User:
    """Somebody who may do everything in the admin."""
    return User.objects.create_superuser("operator", "", "operator")


@pytest.fixture
def browser_of_the_operator(operator: User) -> Client:
    """A Django test client, signed in."""
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
def connect(sandbox: Sandbox, browser_of_the_operator: Client) -> Connect:
    """Walk the real OAuth: connect(account=..., decision="allow" or "decline"); the callback's answer."""
    return partial(consent_screen.visit, browser_of_the_operator)


@pytest.fixture
def connection(sandbox: Sandbox, operator: User) -> Connection:
    """Connected to Tea House Ltd at Klaviyo, as the operator's trip would have left it; `connect` makes the trip."""
    return consent_screen.connected_by(operator, sandbox)


@pytest.fixture
def tea_house(transactional_db: None) -> Store:
    return Store.objects.create(
        slug="tea-house", name="Tea House", url="https://teahouse.example/", country="DE", currency="EUR"
    )


@pytest.fixture
def spring(tea_house: Store) -> Program:
    return Program.objects.create(store=tea_house, slug="spring", name="Spring", offer="5 EUR off the first tea")


@pytest.fixture
def setting(tea_house: Store, connection: Connection) -> StoreSetting:
    """The store's facts go to the account, and people whom Klaviyo does not know are created."""
    return StoreSetting.objects.create(store=tea_house, connection=connection, behaviour=StoreSetting.Behaviour.CREATE)


@pytest.fixture
def ann(spring: Program, setting: StoreSetting) -> Advocate:
    """She has joined, and that waits to be delivered."""
    return lifecycle.join(spring, "ann@example.com", first_name="Ann", last_name="Lee")


@pytest.fixture
def drain(transactional_db: None) -> Drain:
    """Do what workers would do, until nothing is due on any connection."""

    def until_nothing_is_due() -> None:
        for _ in range(MOST_BATCHES):
            due = outbox.connections_with_work()
            if not due:
                return
            for connection_id in due:
                worker.drain(connection_id)
        raise AssertionError("There is always something due.")

    return until_nothing_is_due


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the embedded sort with all tables, to be copied."""
    return migrated.sqlite(tmp_path_factory.mktemp("migrated"))


@pytest.fixture(scope="session")
def django_db_keepdb() -> bool:
    """Whether the database of the tests is there before they are: a copy of one that was made for many runs."""
    if database.vendor != "sqlite" or migrated.SQLITE not in os.environ:
        return False
    file = Path(database.settings_dict["TEST"]["NAME"])
    migrated.sqlite(file.parent, file.name)
    return True


def pytest_configure() -> None:
    """Asked to end, a run ends like one that is interrupted: with all that it has started."""
    signal.signal(signal.SIGTERM, _interrupt)
    emptying.instead_of_flush()


def pytest_unconfigure() -> None:
    """The folder that tests.settings made for this run goes with it, and the process that others are forks of."""
    if forks := sys.modules.get("tests.sorae.forks"):
        forks.end()
    if conf.settings.VAR_DIR.name.startswith("sorae-tests-"):
        shutil.rmtree(conf.settings.VAR_DIR, ignore_errors=True)


def _interrupt(*_: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is required, what cannot run has failed."""
    report = yield
    if report.skipped and servers.is_required() and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say in sentences what could not run here, and why."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = {str(report.longrepr[2]).removeprefix("Skipped: ") for report in skipped}
    for reason in sorted(reasons | set(filter(None, [os.environ.get("NOT_RUN")]))):
        terminalreporter.write_line(f"Not run on this machine: {reason}")


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key, and this machine's certificate that it has signed itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "this machine")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    draft = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    draft = draft.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2120, 1, 1, tzinfo=UTC))
    signed = draft.add_extension(here, critical=False).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(secret + signed.public_bytes(pem))
    return path
