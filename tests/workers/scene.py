"""Steps of a test in a process of its own, with the product's own settings; `playing.Scene` is that process.

The processes under test have an environment, a database and a broker that are not those of the test run.
"""

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django
import time_machine

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sorae.settings")
django.setup()

from celery.beat import Scheduler  # noqa: E402  (Django comes first)
from django.conf import settings  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.db import connections as databases  # noqa: E402
from django.db.models.functions import Now  # noqa: E402
from django.test import Client  # noqa: E402

from integrations.models import Connection, Delivery, Job, Lease, MessageHold  # noqa: E402
from integrations.outbox import wake_ups  # noqa: E402
from klaviyo.models import StoreSetting, Sync, SyncChunk, SyncRun, SyncSource  # noqa: E402
from referrals import lifecycle  # noqa: E402
from referrals.models import Advocate, Program, Store  # noqa: E402
from sorae.celery import app  # noqa: E402
from tests import consent_screen  # noqa: E402


def open_the_store() -> str:
    """A database whose tables are empty gets Tea House, its program, and a connection to Klaviyo."""
    store = Store.objects.create(slug="tea-house", name="Tea House", url="https://teahouse.example/", country="DE")
    Program.objects.create(store=store, slug="spring", name="Spring", offer="5 EUR off the first tea")
    browser = Client(headers={"host": "localhost"})
    browser.force_login(User.objects.create_superuser("operator"))
    consent_screen.visit(browser)
    connection = Connection.objects.get(state=Connection.State.CONNECTED)
    StoreSetting.objects.create(store=store, connection=connection, behaviour=StoreSetting.Behaviour.CREATE)
    return connection.account_name


def join(people: int) -> list[str]:
    """So many people join, each in a transaction of their own; their addresses."""
    program = Program.objects.select_related("store").get()
    return [lifecycle.join(program, f"person-{number}@example.com").email for number in range(people)]


def write_ourselves() -> int:
    """Invites of the program go out as Sorae's own e-mails from here on."""
    return Program.objects.update(invites_by=Program.Inviter.SORAE)


def invite(first: int, people: int) -> list[str]:
    """The one who joined first invites so many friends, counted from a number on; their addresses."""
    advocate = Advocate.objects.order_by("pk").select_related("program__store")[0]
    numbers = range(first, first + people)
    return [lifecycle.invite(advocate, f"friend-{number}@example.com").recipient_email for number in numbers]


def opt_out(friend: int) -> str:
    """A friend who has been invited wants no e-mail any more."""
    email = f"friend-{friend}@example.com"
    return lifecycle.opt_out(Store.objects.get(), email, scope="everything", place="A page").scope


def settled(kind: str) -> dict[str, str]:
    """How deliveries of a kind stand, by person, with the reason where there is one."""
    rows = Delivery.objects.filter(kind=kind).values_list("subject", "state", "reason_code")
    return {subject: f"{state} {code}".strip() for subject, state, code in rows}


def holds() -> list[str]:
    """Why messages are held, or were."""
    return list(MessageHold.objects.order_by("pk").values_list("because", flat=True))


def meet() -> str:
    """Somebody new joins; their address."""
    return lifecycle.join(Program.objects.get(), f"number-{Delivery.objects.count()}@example.com").email


def command() -> list[Any]:
    """Every command that ends or changes a worker is broadcast; who has answered."""
    verbs: dict[str, dict[str, Any]] = {"ping": {}, "cancel_consumer": {"queue": "deliveries"}, "pool_shrink": {"n": 3}}
    verbs |= {"rate_limit": {"task_name": "integrations.tasks.drain", "rate_limit": "1/h"}, "shutdown": {}}
    answers = [app.control.broadcast(verb, arguments=said, reply=True, timeout=2) for verb, said in verbs.items()]
    return [one for answer in answers for one in answer or ()]


def end_leases() -> int:
    """As if a minute had gone by: what dead workers held may be taken from them."""
    return Lease.objects.update(until=Now() - timedelta(seconds=1))


def leased() -> int:
    """How many deliveries somebody has in hand."""
    return Delivery.objects.exclude(lease=None).count()


def standings() -> dict[str, int]:
    """Deliveries by state."""
    return Counter(Delivery.objects.values_list("state", flat=True))


def beat(seconds: int, ends_ago: int = 0) -> int:
    """Beat's own code sends all that it sends in so many seconds, which end so long ago; how many messages."""
    app.loader.import_default_modules()
    periods = {task: round(every.total_seconds()) for task, every in settings.PERIODIC_TASKS.items()}
    scheduler, sent, now = Scheduler(app), 0, time.time()
    with time_machine.travel(now - ends_ago - seconds, tick=False) as clock:
        for second in range(1, seconds + 1):
            clock.shift(1)
            for entry in scheduler.schedule.values():
                if second % periods[str(entry.task)] == 0:
                    scheduler.apply_entry(entry, producer=scheduler.producer)
                    sent += 1
    return sent


def wake(times: int) -> int:
    """Each connection's worker is woken so many times, whether or not anybody has heard; how many connections."""
    ids = list(Connection.objects.values_list("pk", flat=True))
    for connection_id in ids * times:
        wake_ups.now(connection_id, again=True)
    return len(ids)


def make_sync(path: str, destination: str, mode: str, options: str, mapping: str) -> str:
    """A sync of a file to the account; its short name."""
    reading = {"encoding": "utf-8", "delimiter": ",", "header_line": 1}
    source = SyncSource.objects.create(name="Rows", kind="file", path=path, key_columns=["id"], reading=reading)
    sync = Sync.objects.create(
        slug="rows",
        name="Rows",
        source=source,
        connection=Connection.objects.get(),
        destination=destination,
        mode=mode,
        mapping=json.loads(mapping),
        options=json.loads(options),
        removal_share=100,
        rejected_share=100,
    )
    return sync.slug


def sync_time_passes() -> int:
    """As if minutes had gone by for syncs: leases are over, what rests goes on, and what may be late has ended."""
    past = Now() - timedelta(seconds=1)
    SyncRun.objects.exclude(lease_until=None).update(lease_until=past)
    SyncRun.objects.update(wait_until=None)
    Job.objects.filter(state=Job.State.RUNNING).update(next_look_at=past)
    SyncChunk.objects.exclude(unsure_until=None).update(unsure_until=past)
    SyncChunk.objects.exclude(lease_until=None).update(lease_until=past)
    return SyncChunk.objects.update(next_try_at=None)


def sync_standing() -> dict[str, Any]:
    """How the latest run stands."""
    run = SyncRun.objects.order_by("-pk").first()
    if run is None:
        return {"state": "", "attempt": 0}
    kinds = run.added + run.changed + run.unchanged + run.rejected + run.not_sent + run.unknown
    return {
        "state": run.state,
        "attempt": run.attempt,
        "problem": run.problem,
        "sums": run.rows_read == kinds and run.told_now == run.told_before + run.added - run.removed,
        "rejected": run.rejected,
    }


VERBS: dict[str, Callable[..., Any]] = {
    "open": open_the_store,
    "beat": beat,
    "wake": wake,
    "join": join,
    "write-ourselves": write_ourselves,
    "invite": invite,
    "opt-out": opt_out,
    "settled": settled,
    "holds": holds,
    "meet": meet,
    "command": command,
    "end-leases": end_leases,
    "leased": leased,
    "standings": standings,
    "make-sync": make_sync,
    "sync-time-passes": sync_time_passes,
    "sync-standing": sync_standing,
}


def play(verb: str, *numbers: Any) -> Any:
    """What a verb answers."""
    answer = VERBS[verb](*numbers)
    databases.close_all()  # a test may take the database away before the next one
    return answer
