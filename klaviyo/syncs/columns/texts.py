"""Text: as it stands in the cell, blanks included, or transformed."""

import re
from collections.abc import Callable, Mapping, Sequence

from klaviyo.syncs.columns.cells import SURELY_SHORT, Reader, checked, plain

Change = Callable[[str], str]

_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def reader(change: Change | None = None, check: Change | None = None) -> Reader:
    """Text, changed by the transforms of its field; nothing when no character is left."""

    def read(value: object, _warnings: list[str]) -> str | None:
        text = value if type(value) is str and is_plain(value) else checked(plain(value))
        if change is not None:
            text = change(text)
        if check is not None and text:
            text = check(text)
        return text or None

    return read


def is_plain(text: str) -> bool:
    """Whether a text that is not empty is told as it stands; most are, and a million are asked.

    No half of a character is printable: https://docs.python.org/3/library/stdtypes.html#str.isprintable
    """
    return text.isprintable() and text[0] != "'" and len(text) <= SURELY_SHORT


def in_title_case(text: str) -> str:
    """Each word with a capital letter: Ann-Marie O'Neill, but It's."""
    return _WORD.sub(_capitalised, text)


def _capitalised(found: re.Match[str]) -> str:
    word = found[0]
    if word[1:2] in ("'", "\u2019"):
        return word[:2].upper() + word[2:].capitalize()
    return word.capitalize()


TRANSFORMS: Mapping[str, Change] = {
    "trim": str.strip,
    "lower": str.lower,
    "upper": str.upper,
    "title": in_title_case,
}


def change_of(transforms: Sequence[str]) -> Change | None:
    """One function of several transforms, in their order; None where there are none."""
    changes = [TRANSFORMS[name] for name in transforms]
    if len(changes) < 2:
        return changes[0] if changes else None

    def change(text: str) -> str:
        for one in changes:
            text = one(text)
        return text

    return change
