"""Read-back rounds of one account: every accepted event is looked for, in the order in which Klaviyo took them.

A round is worked through in parts, and goes on at the next turn where the time was up.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from integrations.errors import PermanentError
from integrations.models import Delivery
from integrations.workers import batches
from klaviyo.api import events
from klaviyo.api.client import Client
from klaviyo.api.values import moment
from klaviyo.confirmation import in_doubt, match, missing
from klaviyo.confirmation.time_ranges import TimeRanges
from klaviyo.models import Reading

TURN_SECONDS = 10.0
AT_ONCE = 20_000  # deliveries in one part of a round
SHOWS_AFTER = timedelta(seconds=5)  # at the earliest (not published), so that nobody asks in vain
BEHIND_A_BACKLOG = timedelta(minutes=10)  # the longest that reading back stands aside for sending
OVERLAP = timedelta(minutes=5)  # what is written as accepted may show in the database a while later


class TimeIsUp(Exception):
    """Others want their turn; this goes on where it was left."""


def take_a_turn(reading: Reading) -> None:
    """Begin a round or go on with one, until its end or until the time is up. Raises IntegrationError."""
    ends_at = monotonic() + TURN_SECONDS
    client = Client(reading.connection, is_backlog=True)
    in_doubt.settle(client)
    if _can_wait(reading) or (reading.began_at is None and not _begin(reading)):
        return
    try:
        while not _is_through(reading):
            _read_back(client, reading, _end_of_part(reading), ends_at)
    except TimeIsUp:
        return
    except PermanentError:
        reading.metrics, reading.place = {}, {}  # an id of a metric may be what is refused
        reading.save(update_fields=["metrics", "place"])
        raise
    _end(client, reading)


def _can_wait(reading: Reading) -> bool:
    """Sending comes first: behind a backlog, what was accepted just now is read back a little later."""
    unread = match.unconfirmed(reading.connection).filter(place__settled_at__gt=reading.reached or reading.since)
    overdue = unread.filter(place__settled_at__lt=Now() - BEHIND_A_BACKLOG)
    return batches.has_backlog(reading.connection) and not overdue.exists()


def _begin(reading: Reading) -> bool:
    """Fix up to where the round goes, by the database's clock; False when there is nothing to look for."""
    Reading.objects.filter(pk=reading.pk).update(began_at=Now() - SHOWS_AFTER, reached=F("since"), place={})
    reading.refresh_from_db(fields=["began_at", "reached", "place", "since"])
    if _of_the_round(reading).exists():
        return True
    _close(reading)
    return False


def _of_the_round(reading: Reading) -> "QuerySet[Delivery]":
    rows = match.unconfirmed(reading.connection)
    return rows.filter(place__settled_at__gt=reading.reached, place__settled_at__lte=reading.began_at)


def _is_through(reading: Reading) -> bool:
    return not reading.began_at or not reading.reached or reading.reached >= reading.began_at


def _end_of_part(reading: Reading) -> datetime | None:
    """Until when some of what was accepted first was accepted; kept, for a part that is gone on with."""
    if kept := moment(reading.place.get("until")):
        return kept
    accepted = _of_the_round(reading).order_by("place__settled_at").values_list("settled_at", flat=True)
    until = next(iter(accepted[AT_ONCE - 1 : AT_ONCE]), reading.began_at)
    reading.place = {"until": until.isoformat()} if until else {}
    return until


def _read_back(client: Client, reading: Reading, until: datetime | None, ends_at: float) -> None:
    """Look for a part, one metric after the other, a filter of Klaviyo's; then it is behind us.

    https://developers.klaviyo.com/en/reference/get_events
    """
    by_metric: dict[str, list[datetime]] = {}
    for key, occurred_at in (
        _of_the_round(reading).filter(place__settled_at__lte=until).values_list("key", "occurred_at")
    ):
        by_metric.setdefault(match.name(key), []).append(occurred_at)
    done, reached = reading.place.get("metric", ""), moment(reading.place.get("at"))
    for name in sorted(by_metric):
        if name < done:
            continue
        left = sorted(time for time in by_metric[name] if name != done or not reached or time >= reached)
        _look_for(client, reading, name, left, ends_at)
    reading.reached, reading.place = until, {}
    reading.save(update_fields=["reached", "place", "metrics"])


def _look_for(client: Client, reading: Reading, name: str, times: Sequence[datetime], ends_at: float) -> None:
    for metric_id in reading.metrics.get(name) or [""]:
        ranges = TimeRanges()
        for first, last in ranges.over(times):
            pages = found = 0
            for page in events.between(client, first, last, metric_id):
                pages, found = pages + 1, found + match.confirm(reading.connection, page.events)
                _learn(reading, page.metrics)
                if monotonic() > ends_at:
                    _leave_off(reading, name, page)
            ranges.note(is_small=pages == 1, is_worth_it=found * 2 > pages * events.READ_AT_ONCE)


def _learn(reading: Reading, metrics: dict[str, str]) -> None:
    """The ids of our metrics, of which an account may have several of one name."""
    for id, name in metrics.items():
        if name in match.NAMES and id not in (known := reading.metrics.setdefault(name, [])):
            known.append(id)


def _leave_off(reading: Reading, name: str, page: events.Page) -> None:
    if page.events:
        reading.place |= {"metric": name, "at": page.events[-1].at.isoformat()}
    reading.save(update_fields=["place", "metrics"])
    raise TimeIsUp


def _end(client: Client, reading: Reading) -> None:
    missing.see_to(client, reading)
    _close(reading)


def _close(reading: Reading) -> None:
    """The next round begins with the oldest that is still open, or a little before this one's end."""
    began_at = reading.began_at
    open_ones = match.unconfirmed(reading.connection).filter(place__settled_at__gt=reading.since)
    oldest = open_ones.order_by("place__settled_at").values_list("settled_at", flat=True).first()
    if began_at:
        ends = [began_at - OVERLAP] + ([oldest - timedelta(microseconds=1)] if oldest else [])
        reading.since = max(reading.since, min(ends))
    reading.last_began_at, reading.began_at, reading.reached, reading.place = began_at, None, None, {}
    reading.save(update_fields=["since", "last_began_at", "began_at", "reached", "place", "metrics"])
