"""Who is there when a benchmark begins: stores with a program each, connected accounts, advocates."""

import logging
import math
import time
from collections.abc import Sequence
from datetime import timedelta

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection as database
from django.test import Client
from django.utils import timezone

from integrations import pacing
from integrations.models import Connection, Delivery
from klaviyo.models import StoreSetting
from referrals.models import Advocate, Program, Store
from tests import consent_screen
from tests.benchmarks.figures import say
from tests.benchmarks.house import THREADS, House, Process

STARTED_SECONDS = 300.0
EACH_SECONDS, BUSY = 4.0, 0.3  # a worker that starts takes what it gets of a processor

ADVOCATES = """
    INSERT INTO referrals_advocate
        (uid, occurred_at, created_at, program_id, email, first_name, last_name, phone, locale, role, tier,
        referral_code, by_anybody)
    SELECT gen_random_uuid(), now(), now(), %(program)s, 'person-' || n || '@' || %(domain)s, %(name)s, '',
        '', '', 'advocate', '', %(prefix)s || n, false
    FROM generate_series(1, %(number)s) AS n
"""


def opened(house: House, accounts: Sequence[str] = (consent_screen.TEA_HOUSE_LTD,)) -> list[Program]:
    """A migrated database with a store for each account, joined to it; the stores' programs.

    Its Redis counts as one that has been there for long: after another, half the pace is granted for a minute.
    """
    logging.getLogger("django.request").setLevel(logging.ERROR)
    call_command("migrate", verbosity=0)
    pacing.remember_redis()
    browser = Client(headers={"host": "localhost"})
    browser.force_login(User.objects.create_superuser("operator"))
    say(f"A new house, with {len(accounts)} of Klaviyo's accounts connected.")
    return [_store(browser, account) for account in accounts]


def more_accounts(number: int) -> list[str]:
    """The sandbox's accounts beyond the three that are always there."""
    return [f"busy{index:02}" for index in range(3, 3 + number)]


def connection_of(program: Program) -> Connection:
    return Connection.objects.get(store_settings__store=program.store_id)


def advocates(program: Program, number: int) -> list[Advocate]:
    """So many advocates, who have joined without anybody being told of it."""
    put_advocates(program, number)
    return list(program.advocates.select_related("program__store").order_by("pk")[:number])


def put_advocates(program: Program, number: int, name: str = "Ann") -> None:
    values: dict[str, int | str] = {
        "program": program.pk,
        "number": number,
        "domain": f"{program.store.slug}.example.com",
        "prefix": f"{program.pk}-",
        "name": name,
    }
    with database.cursor() as cursor:
        cursor.execute(ADVOCATES, values)
        cursor.execute("ANALYZE referrals_advocate")


def introduce(house: House, program: Program, people: Sequence[Advocate]) -> None:
    """Klaviyo knows these advocates, as they were told of an hour ago."""
    setting = StoreSetting.objects.select_related("connection").get(store=program.store_id)
    house.klaviyo.put_people(setting.connection.account_id, [person.email for person in people])
    an_hour_ago = timezone.now() - timedelta(hours=1)
    Delivery.objects.bulk_create(
        (
            Delivery(
                connection=setting.connection,
                kind="profile",
                key=f"profile:{setting.pk}:{person.uid}:told",
                subject=person.email,
                options={"sync": setting.pk, "advocate": person.pk},
                state=Delivery.State.ACCEPTED,
                occurred_at=an_hour_ago,
                settled_at=an_hour_ago,
            )
            for person in people
        ),
        batch_size=1_000,
    )


def idle_workers(house: House, number: int, threads: int = THREADS) -> list[Process]:
    """Beat, and so many workers, that have started and found nothing to do."""
    before, ends_at = len(house.processes), time.monotonic() + STARTED_SECONDS
    house.start_workers(number, threads)
    spent = -math.inf
    while (now := house.times.read().get("worker", 0.0)) - spent > BUSY * EACH_SECONDS and time.monotonic() < ends_at:
        spent = now
        time.sleep(EACH_SECONDS)
    return house.processes[before:]


def _store(browser: Client, account: str) -> Program:
    consent_screen.visit(browser, account)
    connection = Connection.objects.get(account_id=account, state=Connection.State.CONNECTED)
    slug = f"store-{account.lower()}"
    store = Store.objects.create(slug=slug, name=slug, url=f"https://{slug}.example/", country="DE", currency="EUR")
    StoreSetting.objects.create(store=store, connection=connection, behaviour=StoreSetting.Behaviour.CREATE)
    return Program.objects.create(store=store, slug="spring", name="Spring", offer="5 EUR off the first order")
