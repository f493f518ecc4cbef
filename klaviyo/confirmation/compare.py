"""Comparison of our deliveries with Klaviyo's events of a period, in step by time, a page of each in memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.conf import settings
from django.db.models.functions import Now

from integrations.models import Connection, Delivery
from klaviyo.api import events
from klaviyo.api.client import Client
from klaviyo.api.events import Event
from klaviyo.confirmation import match
from klaviyo.mapping import contents

State = Delivery.State

TOLD = (State.ACCEPTED, State.CONFIRMED)
NOT_SENT = (State.SKIPPED, State.FAILED, State.CANCELLED)
AT_ONCE = 1_000


class Verdict(Enum):
    """Whether our books and Klaviyo's agree about one event."""

    THERE = "there, as it should be"
    TO_CONFIRM = "there, and not confirmed here yet"
    MISSING = "told, and not there"
    EXTRA = "there, and no delivery of ours"
    UNNOTICED = "there, though it was not sent by our books"


@dataclass(frozen=True)
class Told:
    """An event's delivery in our books; `at` in whole seconds, as Klaviyo has it."""

    pk: int
    key: str
    state: str
    at: datetime
    settled_at: datetime | None


@dataclass(frozen=True)
class Found:
    """One event, with its delivery where it has one."""

    verdict: Verdict
    at: datetime
    name: str
    told: Told | None = None
    unique_id: str = ""


def compare(client: Client, since: datetime, until: datetime) -> Iterator[Found]:
    """Every event that is due at Klaviyo or stands there, of `since` up to `until`. Raises IntegrationError."""
    upcoming = _Upcoming(client.connection, since, until)
    waited_for: dict[str, Told] = {}
    for page in events.between(client, since, until - events.SECOND):
        reached = page.events[-1].at if page.events else since
        waited_for |= {told.key: told for told in upcoming.until(reached)}
        ours = {key: event for event in page.events if (key := _key(event))}
        strange = {key: event for key, event in ours.items() if key not in waited_for}
        for key in ours.keys() - strange.keys():
            yield _as_told(waited_for.pop(key))
        yield from _strange(client.connection, strange)
        gone = [key for key, told in waited_for.items() if told.at < reached]
        yield from (_missing(waited_for.pop(key)) for key in gone)
    yield from map(_missing, waited_for.values())
    yield from map(_missing, upcoming.until(until))


class _Upcoming:
    """Deliveries that were told, earliest first, a piece at a time: no query stays open while Klaviyo is asked."""

    def __init__(self, connection: Connection, since: datetime, until: datetime) -> None:
        rows = Delivery.objects.filter(connection=connection, kind=contents.Event.kind, state__in=TOLD)
        # Old rows name nobody either, and can be compared all the same; of the erased, Klaviyo holds nothing any more.
        kept_until = Now() - timedelta(days=settings.RETAIN_BODIES_DAYS)
        rows = rows.exclude(match.NAMES_NOBODY, settled_at__gt=kept_until)
        self._rows = rows.filter(occurred_at__gte=since, occurred_at__lt=until).order_by("occurred_at", "pk")
        self._read: list[Told] = []
        self._last: tuple[datetime, int] | None = None
        self._is_over = False

    def until(self, moment: datetime) -> Iterator[Told]:
        """Those of up to that second."""
        while self._has_more() and self._read[0].at <= moment:
            yield self._read.pop(0)

    def _has_more(self) -> bool:
        if not self._read and not self._is_over:
            self._read = list(self._next())
            self._is_over = len(self._read) < AT_ONCE
        return bool(self._read)

    def _next(self) -> Iterator[Told]:
        rows = self._rows
        if self._last:
            at, pk = self._last
            rows = rows.filter(occurred_at__gte=at).exclude(occurred_at=at, pk__lte=pk)
        for pk, key, state, at, settled_at in rows.values_list("pk", "key", "state", "occurred_at", "settled_at")[
            :AT_ONCE
        ]:
            self._last = (at, pk)
            yield Told(pk, key, state, _second(at), settled_at)


def _key(event: Event) -> str:
    """The key of its delivery; for one of our metrics that has no such id, something that no delivery has."""
    return match.key(event) or (f"?{event.unique_id}" if event.metric in match.NAMES else "")


def _as_told(told: Told) -> Found:
    verdict = Verdict.THERE if told.state == State.CONFIRMED else Verdict.TO_CONFIRM
    return Found(verdict, told.at, match.name(told.key), told)


def _missing(told: Told) -> Found:
    return Found(Verdict.MISSING, told.at, match.name(told.key), told)


def _strange(connection: Connection, strange: dict[str, Event]) -> Iterator[Found]:
    """What was not waited for: it has a delivery in another state or of another time, or none."""
    rows = Delivery.objects.filter(connection=connection, key__in=list(strange)) if strange else Delivery.objects.none()
    known = {row.key: row for row in rows.only("pk", "key", "state", "occurred_at", "settled_at")}
    for key, event in strange.items():
        row = known.get(key)
        if row is None:
            yield Found(Verdict.EXTRA, event.at, event.metric or match.name(key), unique_id=event.unique_id)
        elif row.state in NOT_SENT:
            told = Told(row.pk, key, row.state, _second(row.occurred_at), row.settled_at)
            yield Found(Verdict.UNNOTICED, event.at, match.name(key), told)


def _second(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)  # https://developers.klaviyo.com/en/reference/events_api_overview
