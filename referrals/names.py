"""Display names: a person's first name, if it may stand in a message to somebody who does not know Sorae."""

import re
import unicodedata

from referrals import domains
from referrals.models import Advocate

NOBODY_KNOWN = "A friend"
LONGEST_NAME = 40
MOST_WORDS = 4
MOST_MARKS = 3  # that any script may use, on one letter; more is a drawing
MOST_OWN_MARKS = 8  # of the letter's own script: a syllable of Burmese has up to seven

_BETWEEN_LETTERS = frozenset(
    " '-.\u2019\u2010"
    "\u2011\u2013\u2018`\u00b4"  # other hyphens and apostrophes that people type
    "\u055a\u05be\u05f3\u05f4\u0f0b\u0f0c\u1361\u30a0\u1806"  # of Armenian, Hebrew, Tibetan, Ethiopic, …
    "\u200c\u200d"  # as far as `line` keeps them
)
_BEFORE_LETTERS = "'\u2018\u2019`"  # a letter of its own in Tonga and Hawaii
_MIDDLE_DOTS = "\u00b7\u0387\u2022\u2027\u30fb\uff65"
_WITH_A_DOT = ("ll", "nh", "sh")  # in Catalan and Occitan
_DOT = re.compile(rf"(\w)([{_MIDDLE_DOTS}])(?=(\w))")
_VIRAMA = 9  # https://www.unicode.org/reports/tr44/#Canonical_Combining_Class_Values
# J.R. and J.-P. are names, t.co is not.
_LIKE_AN_ADDRESS = re.compile(r"\.[^\s.\-\u2010\u2011\u2013][^\s.]|\.\.|\bwww\b|\bhttps?\b", re.IGNORECASE)


def shown(advocate: Advocate) -> str:
    """The advocate's first name if it looks like one, else "A friend": nobody advertises by their name."""
    name = line(advocate.first_name)
    return name if _looks_like_a_name(name) else NOBODY_KNOWN


def line(words: str, longest: int = 1_000) -> str:
    """`words` in one line without what cannot be printed, cut with an ellipsis: safe in a header."""
    spaced = " ".join(words.split())
    printable = "".join(
        character for place, character in enumerate(spaced) if character.isprintable() or _joins(spaced, place)
    )
    return printable if len(printable) <= longest else printable[: longest - 1].rstrip() + "…"


def _joins(words: str, place: int) -> bool:
    """Whether a character that nobody sees shapes its neighbours, as scripts of India, Sri Lanka and Iran have it.

    https://www.rfc-editor.org/rfc/rfc5892#appendix-A.1
    """
    if words[place] not in domains.JOINERS or not place:
        return False
    before, after = words[place - 1], words[place + 1 : place + 2]
    is_between_arabic = after and unicodedata.bidirectional(before) == unicodedata.bidirectional(after) == "AL"
    return unicodedata.combining(before) == _VIRAMA or bool(is_between_arabic)


def masked(email: str) -> str:
    """Enough of an address for its owner to know it: b…@e….com."""
    local, _, domain = email.rpartition("@")
    host, dot, ending = domain.rpartition(".")
    return f"{local[:1]}…@{host[:1]}…{dot}{ending}"


def _looks_like_a_name(name: str) -> bool:
    is_begun = len(name) > 1 and name[0] in _BEFORE_LETTERS
    kinds = "".join(map(_kind, _DOT.sub(_plain_dot, name[is_begun:])))
    return (
        0 < len(name) <= LONGEST_NAME
        and len(name.split()) <= MOST_WORDS
        and kinds[0] == "L"
        and "?" not in kinds
        and "M" * (MOST_MARKS + 1) not in kinds
        and "m" * (MOST_OWN_MARKS + 1) not in kinds.replace("M", "m")
        and not _LIKE_AN_ADDRESS.search(name)
    )


def _plain_dot(found: re.Match[str]) -> str:
    """A middle dot as a hyphen where names have it (Gal·la, 让·雅克); as it is in what reads as an address."""
    before, dot, after = found.groups()
    is_theirs = not any(unicodedata.name(letter, "").startswith("LATIN") for letter in (before, after))
    return f"{before}-" if is_theirs or (before + after).lower() in _WITH_A_DOT else before + dot


def _kind(character: str) -> str:
    """L for a letter, m or M for a mark on one (of its script, or any), - for what joins them, ? for anything else."""
    category = unicodedata.category(character)[0]
    if category == "M":
        return "M" if unicodedata.name(character, "").startswith("COMBINING") else "m"
    return category if category == "L" else "-" if character in _BETWEEN_LETTERS else "?"
