"""Listeners of an account: of each metric what was sent, when Klaviyo last saw it, and which flows it starts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count
from django.db.models.fields.json import KeyTextTransform
from django.utils import timezone

from integrations.models import Connection, Delivery, Place
from klaviyo.api.flows import LIVE, Flow
from klaviyo.flows import listening
from klaviyo.mapping import contents
from klaviyo.mapping.catalogue import CATALOGUE, INVITE_RECEIVED, INVITE_REMINDER, Metric
from klaviyo.models import FlowReading
from referrals.models import Program

WEEK = timedelta(days=7)
GOOD_FOR = 60  # seconds: to count a busy account's week takes longer than all else on the page


@dataclass(frozen=True)
class Listener:
    """A metric and who listens to it; without `is_known` nobody knows of flows. `live` are those that send."""

    metric: Metric
    sent: int
    seen_at: datetime | None
    is_known: bool
    live: Sequence[Flow]
    others: Sequence[Flow]

    @property
    def is_lost(self) -> bool:
        """Whether there is something to hear, and nobody listens."""
        return self.is_known and not self.live and (self.sent > 0 or self.seen_at is not None)


@dataclass(frozen=True)
class Writer:
    """A program, and who writes to its friends: Sorae itself, or a flow of Klaviyo's."""

    name: str
    store: str
    is_ours: bool
    reminds: bool


def of(connection: Connection, reading: FlowReading) -> list[Listener]:
    """Every metric of the catalogue; Klaviyo is not asked."""
    counts, started, seen = _sent(connection), listening.started(reading), listening.seen(reading)
    is_known = reading.read_at is not None and reading.has_flows
    return [_listener(metric, counts, seen, started.get(metric.key, ()), is_known=is_known) for metric in CATALOGUE]


def writers(connection: Connection) -> list[Writer]:
    """The programs whose facts go to an account."""
    here = {"store__klaviyo_settings__connection": connection, "store__klaviyo_settings__is_enabled": True}
    rows = Program.objects.filter(**here).select_related("store").order_by("store__name", "name")
    return [
        Writer(one.name, one.store.name, one.invites_by == Program.Inviter.SORAE, bool(one.most_reminders))
        for one in rows
    ]


@dataclass(frozen=True)
class Overlap:
    """Sorae's own mail of some programs, and live flows, that would both write to the same friend."""

    what: str
    programs: Sequence[Writer]
    flows: Sequence[Flow]


def overlaps(rows: Iterable[Listener], programs: Sequence[Writer]) -> list[Overlap]:
    """Where a friend may hear twice: of invites, and of reminders.

    A program's own mail takes the place of the event, so a flow hears of other programs, and of invites from before
    the program was switched to Sorae's mail; both may be about one friend.
    """
    ours = [one for one in programs if one.is_ours]
    found = {row.metric.key: row.live for row in rows}
    invites = Overlap("Invites", ours, found.get(INVITE_RECEIVED.key, ()))
    reminders = Overlap("Reminders", [one for one in ours if one.reminds], found.get(INVITE_REMINDER.key, ()))
    return [one for one in (invites, reminders) if one.programs and one.flows]


def unwritten(rows: Iterable[Listener], programs: Sequence[Writer]) -> list[Writer]:
    """The programs whose invites a flow should bring, and no flow does: their friends hear nothing."""
    nobody = any(row.metric is INVITE_RECEIVED and row.is_known and not row.live for row in rows)
    return [one for one in programs if nobody and not one.is_ours]


def _listener(
    metric: Metric, counts: Mapping[str, int], seen: Mapping[str, datetime], flows: Iterable[Flow], *, is_known: bool
) -> Listener:
    live = [one for one in flows if one.status == LIVE]
    others = [one for one in flows if one.status != LIVE]
    return Listener(metric, counts.get(metric.key, 0), seen.get(metric.key), is_known, live, others)


def _sent(connection: Connection) -> dict[str, int]:
    """How many events of each metric the account took in the last seven days, by our own record."""
    key = f"klaviyo.listeners.{connection.pk}"
    found: dict[str, int] | None = cache.get(key)
    if found is None:
        found = _counted(connection)
        cache.set(key, found, GOOD_FOR)
    return found


def _counted(connection: Connection) -> dict[str, int]:
    taken: dict[str, Any] = {
        "place__connection": connection,
        "place__state__in": (Delivery.State.ACCEPTED, Delivery.State.CONFIRMED),
        "place__is_named__in": Place.ANY_NAMED,
        "place__settled_at__gte": timezone.now() - WEEK,
        "kind": contents.Event.kind,
    }
    rows = Delivery.objects.filter(**taken).order_by().values(key_of=KeyTextTransform("metric", "options"))
    return {row["key_of"]: row["count"] for row in rows.annotate(count=Count("pk")) if row["key_of"]}
