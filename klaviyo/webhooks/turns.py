"""Whose turn it is: each connected account once a minute, by one worker at a time."""

import logging
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

from django.db.models import F, Q
from django.db.models.functions import Now

from integrations.errors import IntegrationError, without_message
from integrations.models import Connection
from klaviyo.models import ConsentWatch
from klaviyo.webhooks import polling, register, retention

QUANTUM_SECONDS = 45.0
LOOKED_AT_FOR = timedelta(minutes=3)  # longer than a look takes, so that nobody looks beside
EVERY = timedelta(seconds=55)  # a beat of half a minute makes it a minute
IS_DUE = Q(next_look_at=None) | Q(next_look_at__lte=Now())

log = logging.getLogger(__name__)


def look_at_all() -> int:
    """Look at every connected account that is due, until the time is up; how many."""
    ends_at = monotonic() + QUANTUM_SECONDS
    retention.drop_old()
    _watch_new_ones()
    looked = 0
    due = ConsentWatch.objects.filter(IS_DUE, connection__state=Connection.State.CONNECTED)
    for watch_id in due.order_by(F("next_look_at").asc(nulls_first=True), "pk").values_list("pk", flat=True):
        if monotonic() > ends_at:
            break
        looked += look_at(watch_id)
    return looked


def look_at(watch_id: int) -> bool:
    """See to the webhook and ask, each where it is due; False when another worker does, or it is not due."""
    due = ConsentWatch.objects.filter(IS_DUE, pk=watch_id)
    if not due.update(next_look_at=Now() + LOOKED_AT_FOR):
        return False
    watch = ConsentWatch.objects.select_related("connection").get(pk=watch_id)
    lease = watch.next_look_at
    _try("seen to", register.is_due, register.see_to, watch)
    _try("asked", polling.is_due, polling.pull, watch)
    ConsentWatch.objects.filter(pk=watch_id, next_look_at=lease).update(next_look_at=Now() + EVERY)
    return True


def _watch_new_ones() -> None:
    unwatched = Connection.objects.filter(provider="klaviyo", state=Connection.State.CONNECTED, consent_watch=None)
    fresh = [ConsentWatch(connection=connection) for connection in unwatched]
    ConsentWatch.objects.bulk_create(fresh, ignore_conflicts=True)


def _try(
    what: str, is_due: Callable[[ConsentWatch], bool], work: Callable[[ConsentWatch], object], watch: ConsentWatch
) -> None:
    """What goes wrong with one account, or in one part, is no reason to leave out the next."""
    try:
        if is_due(watch):
            work(watch)
    except IntegrationError as error:
        log.info("Connection %s could not be %s: %s", watch.connection_id, what, error.code)
    except Exception as error:
        log.error("Connection %s could not be %s: %s", watch.connection_id, what, without_message(error))
