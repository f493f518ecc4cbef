"""Keys: what tells a row from every other row of its source, always as text."""

import json
from collections.abc import Sequence

from klaviyo.syncs.columns.cells import Trouble, checked, plain
from klaviyo.syncs.columns.mapped import Refused
from klaviyo.syncs.sources.table import Row

LONGEST = 500  # characters: an entry of an index has 2,704 bytes, https://www.postgresql.org/docs/current/btree.html


def key_of(row: Row, places: Sequence[int], columns: Sequence[str] = ()) -> str | Refused:
    """The key of a row: its one key column, trimmed, or several as a list of JSON. Raises ValueError without any.

    05 and 5 are two keys, and all digits of a number are kept.
    """
    if not places:
        raise ValueError("A source needs a key column.")
    found = []
    for place in places:
        text = _text(row, place)
        if isinstance(text, Trouble) or not text:
            label = columns[place] if place < len(columns) else f"key column {place + 1}"
            return Refused(label, str(text) or "is empty: each row needs a key of its own")
        found.append(text)
    return found[0] if len(found) == 1 else json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def _text(row: Row, place: int) -> str | Trouble:
    value = row.values[place] if place < len(row.values) else None
    try:
        text = checked(plain(value).strip())
    except Trouble as trouble:
        return trouble
    return text if len(text) <= LONGEST else Trouble(f"is longer than {LONGEST} characters, the most that a key has")
