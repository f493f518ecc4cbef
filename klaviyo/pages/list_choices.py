"""List choices of an operator: the lists of an account as a worker last read them, without asking Klaviyo."""

from dataclasses import dataclass
from datetime import datetime

from integrations import outbox
from integrations.models import Connection
from klaviyo.api.lists import List
from klaviyo.models import AccountLists

NOT_YET = "They have not been read yet, which takes a few seconds. Search again then."


@dataclass(frozen=True)
class Offer:
    """The lists by name, and when they were read; `problem` says why some or all may be missing."""

    lists: tuple[List, ...] = ()
    read_at: datetime | None = None
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
    """What our copy holds. Nothing here waits for Klaviyo."""
    row = AccountLists.objects.filter(connection=connection).first()
    lists = tuple(List(**item) for item in row.lists) if row else ()
    return Offer(lists, row.read_at if row else None, _problem(connection, row))


def _problem(connection: Connection, row: AccountLists | None) -> str:
    if not connection.is_connected:
        return f"{outbox.waiting_for(connection)} Its lists cannot be read until then."
    if row and row.problem:
        return f"The lists could not be read the last time: {row.problem} Everything else can be changed and saved."
    return "" if row and row.read_at else NOT_YET
