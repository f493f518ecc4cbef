"""Account lists are read by a worker from time to time, and at once when somebody asks for it."""

from dataclasses import asdict
from datetime import timedelta

from django.utils import timezone

from integrations.errors import IntegrationError
from integrations.models import Connection
from integrations.workers.rota import Rota
from klaviyo.api import lists
from klaviyo.api.client import Client
from klaviyo.api.lists import List
from klaviyo.models import AccountLists

EVERY = timedelta(minutes=15)


def take_all() -> int:
    """Read the lists of every connected account that is due; how many accounts."""
    unread = Connection.objects.filter(provider="klaviyo", state=Connection.State.CONNECTED, account_lists=None)
    AccountLists.objects.bulk_create([AccountLists(connection=one) for one in unread], ignore_conflicts=True)
    return ROTA.take_all()


def ask(connection: Connection) -> None:
    """Have the lists read as soon as a worker looks."""
    AccountLists.objects.update_or_create(connection=connection, defaults={"next_look_at": None})


def read(row: AccountLists) -> None:
    """Read page by page. What was read before a failure replaces nothing but an empty copy."""
    found: list[List] = []
    try:
        for item in lists.all_of(Client(row.connection)):
            found.append(item)
    except IntegrationError as error:
        kept = {"problem": error.sentence}
        if found and row.read_at is None:
            kept["problem"] = f"Only the first {len(found)} lists could be read: {error.sentence}"
            AccountLists.objects.filter(pk=row.pk).update(lists=_stored(found))
        AccountLists.objects.filter(pk=row.pk).update(**kept)
        raise
    AccountLists.objects.filter(pk=row.pk).update(lists=_stored(found), read_at=timezone.now(), problem="")


def _stored(found: list[List]) -> list[dict[str, str]]:
    return [asdict(item) for item in sorted(found, key=lambda item: (item.name.casefold(), item.id))]


ROTA = Rota(AccountLists, read, every=EVERY, lease=timedelta(minutes=3))
