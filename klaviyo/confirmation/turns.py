"""Turns of reading back: each connected account's about once in half a minute."""

from datetime import timedelta

from django.db.models.functions import Now

from integrations.models import Connection
from integrations.workers.rota import Rota
from klaviyo.confirmation import rounds
from klaviyo.models import Reading

BEFORE = timedelta(days=1)  # what was accepted before the first round, and is confirmed as well

ROTA = Rota(
    Reading,
    lambda reading: rounds.take_a_turn(reading),
    every=timedelta(seconds=25),  # a beat of half a minute makes it that
    lease=timedelta(minutes=2),
)


def take_all() -> int:
    """A turn for every connected account that is due, until the time is up; how many."""
    unread = Connection.objects.filter(provider="klaviyo", state=Connection.State.CONNECTED, reading=None)
    fresh = [Reading(connection=connection, since=Now() - BEFORE) for connection in unread]
    Reading.objects.bulk_create(fresh, ignore_conflicts=True)
    return ROTA.take_all()
