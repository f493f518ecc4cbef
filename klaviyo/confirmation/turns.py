"""Whose turn it is: each connected account about once in half a minute, by one worker at a time."""

import logging
from datetime import timedelta
from time import monotonic

from django.db.models import F, Q
from django.db.models.functions import Now

from integrations.errors import IntegrationError, Throttled, without_message
from integrations.models import Connection
from klaviyo.confirmation import rounds
from klaviyo.models import Reading

QUANTUM_SECONDS = 45.0
LOOKED_AT_FOR = timedelta(minutes=2)  # longer than a turn takes, so that nobody looks beside
EVERY = timedelta(seconds=25)  # a beat of half a minute makes it that
BEFORE = timedelta(days=1)  # what was accepted before the first round, and is confirmed as well
IS_DUE = Q(next_look_at=None) | Q(next_look_at__lte=Now())

log = logging.getLogger(__name__)


def take_all() -> int:
    """A turn for every connected account that is due, until the time is up; how many."""
    ends_at = monotonic() + QUANTUM_SECONDS
    _begin_with_new_ones()
    taken = 0
    due = Reading.objects.filter(IS_DUE, connection__state=Connection.State.CONNECTED)
    for pk in due.order_by(F("next_look_at").asc(nulls_first=True), "pk").values_list("pk", flat=True):
        if monotonic() > ends_at:
            break
        taken += take(pk)
    return taken


def take(pk: int) -> bool:
    """One account's turn; False when another worker has it. What goes wrong with one leaves out no other."""
    if not Reading.objects.filter(IS_DUE, pk=pk).update(next_look_at=Now() + LOOKED_AT_FOR):
        return False
    reading = Reading.objects.select_related("connection").get(pk=pk)
    lease, rest = reading.next_look_at, EVERY
    try:
        rounds.take_a_turn(reading)
    except Throttled as error:
        rest = max(rest, error.retry_after)
    except IntegrationError as error:
        log.info("What connection %s has taken could not be read back: %s", reading.connection_id, error.code)
    except Exception as error:
        log.error("Reading back connection %s broke off: %s", reading.connection_id, without_message(error))
    Reading.objects.filter(pk=pk, next_look_at=lease).update(next_look_at=Now() + rest)
    return True


def _begin_with_new_ones() -> None:
    unread = Connection.objects.filter(provider="klaviyo", state=Connection.State.CONNECTED, reading=None)
    fresh = [Reading(connection=connection, since=Now() - BEFORE) for connection in unread]
    Reading.objects.bulk_create(fresh, ignore_conflicts=True)
