"""List choices of an operator: our copy of an account's lists, with how old it is and what may be missing."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from integrations import outbox
from integrations.models import Connection
from klaviyo import account_lists
from klaviyo.api.lists import List
from klaviyo.models import AccountLists

ALL_THE_SAME = "Everything else can be changed and saved."


@dataclass(frozen=True)
class KnownLists:
    """The lists by name, as they were at `read_at`; `problem` says why some or all may be missing.

    While `is_awaited`, a worker is about to read them anew; `is_readable` where one could.
    """

    lists: tuple[List, ...] = ()
    problem: str = ""
    read_at: datetime | None = None
    is_awaited: bool = False
    is_readable: bool = True

    @property
    def is_certain(self) -> bool:
        """Whether what is not among them was not in the account."""
        return self.read_at is not None and not self.problem

    def named(self, list_id: str) -> str | None:
        """The name of a list, or None when the account has no such list (as far as we could see)."""
        item = self.with_id(list_id)
        return item.name if item else None

    def with_id(self, list_id: str) -> List | None:
        return next((item for item in self.lists if item.id == list_id), None)

    def searched(self, words: str, chosen: str) -> list[List]:
        """Those whose name or id has the words, the likeliest first; before all others the one that is chosen."""
        wanted = plain(words)
        found = [item for item in self.lists if item.id == chosen or wanted in plain(f"{item.name} {item.id}")]
        return sorted(found, key=lambda item: (item.id != chosen, _unlikely(plain(item.name), wanted)))


def of(connection: Connection) -> KnownLists:
    """What is known here: Klaviyo is not asked."""
    copy = AccountLists.objects.filter(connection=connection).first() or AccountLists(connection=connection)
    lists = account_lists.kept(copy)
    if not connection.is_connected:
        problem = f"{outbox.waiting_for(connection)} Its lists cannot be read until then."
        return KnownLists(lists, problem, copy.read_at, is_readable=False)
    return KnownLists(lists, _problem(copy), copy.read_at, copy.is_awaited)


def _problem(copy: AccountLists) -> str:
    if not copy.problem:
        return ""
    if copy.read_at:
        return f"The lists could not be read again: {copy.problem} They are shown as they were. {ALL_THE_SAME}"
    seen = f"Only the first {len(copy.lists)} lists are shown" if copy.lists else "The lists cannot be shown"
    return f"{seen}: {copy.problem} {ALL_THE_SAME}"


def _unlikely(name: str, wanted: str) -> int:
    """Few are shown: whoever types a whole name finds it also among many that are longer."""
    return 2 - (name == wanted) - name.startswith(wanted)


def plain(text: str) -> str:
    """The same however it is written: https://docs.python.org/3/library/stdtypes.html#str.casefold"""
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())
