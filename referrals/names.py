"""Display names: a person's first name, if it may stand in a message to somebody who does not know Sorae."""

import re
import unicodedata

from referrals.models import Advocate

NOBODY_KNOWN = "A friend"
LONGEST_NAME = 40
MOST_WORDS = 4
MOST_MARKS = 3  # on one letter; more is a drawing

_BETWEEN_LETTERS = frozenset(" '-.\u2019\u2010")
_LIKE_AN_ADDRESS = re.compile(r"\.[^\s.]{2}|\.\.|\bwww\b|\bhttps?\b", re.IGNORECASE)  # J.R. is a name, t.co is not


def shown(advocate: Advocate) -> str:
    """The advocate's first name if it looks like one, else "A friend": nobody advertises by their name."""
    name = line(advocate.first_name)
    return name if _looks_like_a_name(name) else NOBODY_KNOWN


def line(words: str, longest: int = 1_000) -> str:
    """`words` in one line without what cannot be printed, cut with an ellipsis: safe in a header."""
    spaced = " ".join(words.split())
    printable = "".join(character for character in spaced if character.isprintable())
    return printable if len(printable) <= longest else printable[: longest - 1].rstrip() + "…"


def masked(email: str) -> str:
    """Enough of an address for its owner to know it: b…@e….com."""
    local, _, domain = email.rpartition("@")
    host, dot, ending = domain.rpartition(".")
    return f"{local[:1]}…@{host[:1]}…{dot}{ending}"


def _looks_like_a_name(name: str) -> bool:
    kinds = "".join(_kind(character) for character in name)
    return (
        0 < len(name) <= LONGEST_NAME
        and len(name.split()) <= MOST_WORDS
        and kinds[0] == "L"
        and "?" not in kinds
        and "M" * (MOST_MARKS + 1) not in kinds
        and not _LIKE_AN_ADDRESS.search(name)
    )


def _kind(character: str) -> str:
    """L for a letter, M for a mark on one, - for what joins them, ? for anything else."""
    category = unicodedata.category(character)[0]
    return category if category in "LM" else "-" if character in _BETWEEN_LETTERS else "?"
