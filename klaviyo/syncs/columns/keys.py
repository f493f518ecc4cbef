"""Keys: what tells a row from every other row of its source, always as text."""

import json
from collections.abc import Sequence

from klaviyo.syncs.columns.cells import Trouble, checked, plain
from klaviyo.syncs.columns.mapped import Refused
from klaviyo.syncs.sources.table import Row

LONGEST = 500  # characters: an entry of an index has 2,704 bytes, https://www.postgresql.org/docs/current/btree.html
IS_EMPTY = "is empty: each row needs a key of its own"
TOO_LONG = f"is longer than {LONGEST} characters, the most that a key has"


def key_of(row: Row, places: Sequence[int], columns: Sequence[str] = ()) -> str | Refused:
    """The key of a row: its one key column, trimmed, or several as a list of JSON. Raises ValueError without any.

    05 and 5 are two keys, and all digits of a number are kept. `columns` are the names for what is refused.
    """
    if not places:
        raise ValueError("A source needs a key column.")
    place, cells, found = places[0], row.values, list[str]()
    if len(places) == 1 and place < len(cells) and type(cell := cells[place]) is str and _is_plain(key := cell.strip()):
        return key
    try:
        for place in places:
            value = cells[place] if place < len(cells) else None
            if text := checked(plain(value).strip()):
                found.append(text)
            else:
                raise Trouble(IS_EMPTY)
        key = found[0] if len(found) == 1 else json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        if len(key) > LONGEST:
            raise Trouble(TOO_LONG)
    except Trouble as trouble:
        return Refused(columns[place] if place < len(columns) else f"key column {place + 1}", str(trouble))
    return key


def _is_plain(text: str) -> bool:
    """Whether a key is told as it stands, as nearly all are."""
    return text.isprintable() and text != "" and text[0] != "'" and len(text) <= LONGEST
