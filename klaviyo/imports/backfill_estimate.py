"""Estimate of a backfill: how many requests it makes, and how long they take within the account's limits.

Nothing is asked of Klaviyo: the limits are those that its answers have published, or that its pages do, and how long a
request takes is known from the last ones.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median

from django.db.models import Count, Q

from integrations import pacing
from integrations.models import Attempt, Connection
from integrations.pacing import windows
from klaviyo.api import bulk, profiles
from klaviyo.api.operation import Operation
from klaviyo.imports import backfill_chunks
from klaviyo.models import Backfill, StoreSetting

AT_ONCE = 100  # people of one look-up
LATEST = 500  # attempts that are looked at
USUAL_SECONDS = 0.5  # of a request, where none was made of late
SECONDS_OF_A_PERSON = 0.001  # to read and write them down here
MINUTE = 60


@dataclass(frozen=True)
class Requests:
    """How many of one operation, the most of them that a backlog may make in a minute, and how long one takes."""

    what: str
    number: int
    a_minute: int
    each: float

    @property
    def seconds(self) -> float:
        """One after the other; beyond what fits into the first minute, at the pace of the limit."""
        beyond = max(0, self.number - self.a_minute)
        return max(self.number * self.each, beyond / self.a_minute * MINUTE)


@dataclass(frozen=True)
class Estimate:
    """What a backfill of so many people and facts asks of the account."""

    people: int
    facts: int
    requests: Sequence[Requests]

    @property
    def seconds(self) -> float:
        ours = (self.people + self.facts) * SECONDS_OF_A_PERSON
        return ours + sum(one.seconds for one in self.requests)

    @property
    def words(self) -> str:
        return words(self.seconds)


def of(setting: StoreSetting, facts: int = 0) -> Estimate:
    """Before it begins; every look-up counts that may be needed."""
    people = backfill_chunks.advocates(setting).aggregate(
        all=Count("pk"), named=Count("pk", filter=~_NAMELESS), with_phone=Count("pk", filter=~Q(phone=""))
    )
    is_careless = setting.creates_profiles and not setting.list_id  # then only names and numbers matter
    asked = people["named"] if is_careless else people["all"]
    chunk = backfill_chunks.size(Backfill(people=people["all"]))
    chunks = math.ceil(people["all"] / chunk)
    lists = 2 if setting.list_id else 1  # newcomers go in an import of their own
    took = _took(setting.connection)
    made = [
        (profiles.GET_PROFILES, "Look-ups", _groups(asked) + _groups(people["with_phone"])),
        (bulk.BULK_IMPORT_PROFILES, "Imports", chunks * lists),
        (bulk.BULK_CREATE_EVENTS, "Requests of events", math.ceil(facts / bulk.MOST_EVENTS)),
    ]
    requests = [_requests(setting.connection, *one, took) for one in made]
    return Estimate(people["all"], facts, [one for one in requests if one.number])


def with_facts(estimate: Estimate, connection: Connection, facts: int) -> Estimate:
    """The same, with so many facts."""
    events = _requests(
        connection,
        bulk.BULK_CREATE_EVENTS,
        "Requests of events",
        math.ceil(facts / bulk.MOST_EVENTS),
        _took(connection),
    )
    return replace(estimate, facts=facts, requests=[*estimate.requests, *([events] if facts else [])])


def words(seconds: float) -> str:
    """About how long: no more exactly than it can be known."""
    if seconds < MINUTE:
        return "less than a minute"
    minutes = math.ceil(seconds / MINUTE)
    if minutes < 2 * MINUTE:
        return f"about {minutes} minute{'s' if minutes > 1 else ''}"
    hours = round(minutes / MINUTE)
    return f"about {hours} hours" if hours < 48 else f"about {round(hours / 24)} days"


_NAMELESS = Q(first_name="", last_name="", phone="", locale="")


def _groups(people: int) -> int:
    return math.ceil(people / AT_ONCE)


def _requests(connection: Connection, operation: Operation, what: str, number: int, took: dict[str, float]) -> Requests:
    name, own = operation.counters()[0]
    steady = max(pacing.limits(f"{connection.pk}:{name}", own), key=lambda window: window.seconds)
    a_minute = windows.most(steady.requests, windows.BACKLOG_SHARE) * MINUTE // steady.seconds
    return Requests(what, number, max(a_minute, 1), took.get(operation.id, USUAL_SECONDS))


def _took(connection: Connection) -> dict[str, float]:
    """The usual seconds of a request by its operation, from the connection's latest."""
    latest = Attempt.objects.filter(connection=connection, duration_ms__isnull=False).order_by("-started_at")
    times: dict[str, list[int]] = {}
    for operation, milliseconds in latest.values_list("operation", "duration_ms")[:LATEST]:
        times.setdefault(operation, []).append(milliseconds or 0)
    return {operation: median(some) / 1_000 for operation, some in times.items()}
