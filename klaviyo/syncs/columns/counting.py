"""Counting of keys: how many rows of a table have one of their own, and which have not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from klaviyo.syncs.columns import keys
from klaviyo.syncs.columns.mapped import Refused
from klaviyo.syncs.sources.table import BadRow, Row, Table

SHOWN = 20
MOST = 1_000_000  # rows whose keys are held in memory at once, with some hundred bytes each
LOOK_EVERY = 1_000


@dataclass
class Counted:
    """Of the rows that were read: without a key, with one that stood before, not read; `is_whole` if all were."""

    rows: int = 0
    empty: int = 0
    repeated: int = 0
    bad: int = 0
    is_whole: bool = True
    twice: list[tuple[int, int]] = field(default_factory=list)  # line numbers of the first few
    broken: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.empty and not self.repeated

    def as_json(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in ("rows", "empty", "repeated", "bad", "is_whole")} | {
            "twice": self.twice,
            "broken": self.broken,
        }


def of(table: Table, columns: Sequence[str], is_over: Callable[[], bool] = lambda: False) -> Counted:
    """Read the table, and count its keys; no further than `is_over` lets. Raises SourceError."""
    places = [table.columns.index(column) for column in columns]
    found, seen = Counted(), dict[bytes, int]()
    for item in table:
        if not isinstance(item, Row | BadRow):
            continue
        if found.rows >= MOST or (found.rows % LOOK_EVERY == 0 and found.rows and is_over()):
            found.is_whole = False
            break
        found.rows += 1
        if isinstance(item, BadRow):
            found.bad += 1
            if len(found.broken) < SHOWN:
                found.broken.append((item.number, item.reason))
            continue
        key = keys.key_of(item, places, table.columns)
        if isinstance(key, Refused):
            found.empty += 1
            continue
        digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=12).digest()
        first = seen.setdefault(digest, item.number)
        if first != item.number:
            found.repeated += 1
            if len(found.twice) < SHOWN:
                found.twice.append((first, item.number))
    return found
