"""List choices of an operator: all lists of an account, or as many as Klaviyo would tell."""

from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache

from integrations import outbox
from integrations.errors import IntegrationError
from integrations.models import Connection
from klaviyo.api import lists
from klaviyo.api.client import Client
from klaviyo.api.lists import List

KEPT = timedelta(minutes=1)  # long enough to search in, short enough to see a list that was made just now


@dataclass(frozen=True)
class Offer:
    """The lists by name; `problem` says why some or all may be missing."""

    lists: tuple[List, ...] = ()
    problem: str = ""

    def named(self, list_id: str) -> str | None:
        """The name of a list, or None when the account has no such list (as far as we could see)."""
        item = self.with_id(list_id)
        return item.name if item else None

    def with_id(self, list_id: str) -> List | None:
        return next((item for item in self.lists if item.id == list_id), None)

    def searched(self, words: str, chosen: str) -> list[List]:
        """Those whose name has the words; the chosen one is never hidden."""
        wanted = words.casefold().strip()
        return [item for item in self.lists if item.id == chosen or wanted in item.name.casefold()]


def of(connection: Connection) -> Offer:
    """Ask Klaviyo page by page; a failure costs the lists, never the page that shows them."""
    if not connection.is_connected:
        return Offer(problem=f"{outbox.waiting_for(connection)} Its lists cannot be read until then.")
    key = f"klaviyo.lists.{connection.pk}.{connection.generation}"
    known: Offer | None = cache.get(key)
    if known is None:
        known = _read(connection)
        if not known.problem:
            cache.set(key, known, KEPT.total_seconds())
    return known


def _read(connection: Connection) -> Offer:
    found: list[List] = []
    problem = ""
    try:
        for item in lists.all_of(Client(connection)):
            found.append(item)
    except IntegrationError as error:
        seen = f"Only the first {len(found)} lists are shown" if found else "The lists cannot be shown"
        problem = f"{seen}: {error.sentence} Everything else can be changed and saved."
    return Offer(tuple(sorted(found, key=lambda item: item.name.casefold())), problem)
