"""Turns of the consent watch: each connected account's webhook is checked, and the account polled, when due."""

from datetime import timedelta

from integrations.models import Connection
from integrations.workers.rota import Rota, carefully
from klaviyo.models import ConsentWatch
from klaviyo.webhooks import polling, register, retention


def take_all() -> int:
    """A turn for every connected account that is due, until the time is up; how many."""
    retention.drop_old()
    unwatched = Connection.objects.filter(provider="klaviyo", state=Connection.State.CONNECTED, consent_watch=None)
    fresh = [ConsentWatch(connection=connection) for connection in unwatched]
    ConsentWatch.objects.bulk_create(fresh, ignore_conflicts=True)
    return ROTA.take_all()


def _look_at(watch: ConsentWatch) -> None:
    """What goes wrong in one part is no reason to leave out the other."""

    def webhook() -> None:
        if register.is_due(watch):
            register.ensure(watch)

    def asked() -> None:
        if polling.is_due(watch):
            polling.poll(watch)

    carefully("The webhook", watch.connection_id, webhook)
    carefully("Polling", watch.connection_id, asked)


ROTA = Rota(
    ConsentWatch,
    _look_at,
    every=timedelta(seconds=55),  # a beat of half a minute makes it a minute
    lease=timedelta(minutes=3),
)
