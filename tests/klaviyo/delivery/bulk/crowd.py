"""Many at once: people who join, friends who visit, and what became of each event."""

import copy
import json
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from integrations.models import Connection, Delivery, Job
from integrations.workers import worker
from klaviyo.imports import results
from klaviyo.sandbox import Exchange, Sandbox
from referrals import lifecycle
from referrals.models import Advocate, Program
from tests import budgets
from tests.conftest import Drain
from tests.klaviyo.story import TEA, State, end_leases, make_due

JOB, SINGLE = "bulk_create_events", "create_event"
IMPORT, LOOK, ERRORS = (
    "bulk_import_profiles",
    "get_bulk_import_profiles_job",
    "get_errors_for_bulk_import_profiles_job",
)
UPSERT, ADD = "create_or_update_profile", "add_profiles_to_list"
INVALID = json.dumps(
    {"errors": [{"id": "1", "status": 400, "code": "invalid", "title": "No.", "detail": "Invalid email address"}]}
).encode()
VISIT = "Sorae Referred Visit"
VISITS, PEOPLE = 24, 10  # that wait, where a test asks for them

Sent = Callable[[], list[Exchange]]


def visits(ann: Advocate, number: int) -> None:
    """Friends come through Ann's link; her profile waits in its lane once, each visit is an event."""
    with transaction.atomic():
        for _ in range(number):
            lifecycle.visit(ann)


def many_visits(ann: Advocate, number: int) -> None:
    """As many events as that, copied from one: quicker than so many facts."""
    lifecycle.visit(ann)
    one = Delivery.objects.filter(options__metric="referred_visit").latest("pk")
    copies = [copy.deepcopy(one) for _ in range(number - 1)]
    for copied in copies:
        copied.pk, copied.key, copied.source = None, f"referred_visit:{uuid.uuid4()}", str(uuid.uuid4())
        copied.body["data"]["attributes"]["unique_id"] = str(uuid.uuid4())
    Delivery.objects.bulk_create(copies)


def joined(spring: Program, number: int, **names: Any) -> list[Advocate]:
    with transaction.atomic():
        return [lifecycle.join(spring, f"person-{n}@friends.test", **names) for n in range(number)]


def older() -> None:
    """As if what waits had waited for two minutes: a backlog."""
    Delivery.objects.filter(state=State.QUEUED).update(next_try_at=timezone.now() - timedelta(minutes=2))


def come_back(drain: Drain, times: int = 3) -> None:
    """The sweeps of the next minutes, and workers that live."""
    for _ in range(times):
        budgets.forget()
        end_leases()
        worker.sweep()
        make_due()
        drain()


def unique_id(delivery: Delivery) -> str:
    return str(delivery.body["data"]["attributes"]["unique_id"])


def ids(sandbox: Sandbox) -> Counter[str]:
    """How often each event stands at Klaviyo."""
    return Counter(event.unique_id for event in sandbox.events(TEA))


def assert_each_once(sandbox: Sandbox) -> None:
    """Klaviyo holds exactly the events that we count as accepted, each of them once."""
    accepted = Delivery.objects.filter(kind="event", state=State.ACCEPTED)
    assert ids(sandbox) == Counter(unique_id(delivery) for delivery in accepted)


def the_connection() -> Connection:
    return Connection.objects.get()


def tried() -> set[int]:
    return set(Delivery.objects.filter(options__metric="referred_visit").values_list("attempts_made", flat=True))


def look(times: int = 1) -> None:
    """As if the time of the next look had come."""
    for _ in range(times):
        budgets.forget()
        Job.objects.filter(state=Job.State.RUNNING).update(next_look_at=timezone.now() - timedelta(seconds=1))
        results.look()


def only_profiles() -> None:
    Delivery.objects.filter(kind="event").delete()


def jobs(sent: Sent) -> list[list[dict[str, Any]]]:
    """The groups of each job that was asked for."""
    asked = [exchange for exchange in sent() if exchange.operation == JOB]
    return [exchange.json["data"]["attributes"]["events-bulk-create"]["data"] for exchange in asked]


def told(groups: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["attributes"] for group in groups for event in group["attributes"]["events"]["data"]]
