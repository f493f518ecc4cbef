"""Erased people: facts that are older than an erasure are kept without the person.

Times of facts come from hosts, that of an erasure from the database, and their clocks differ: within a few minutes the
erasure wins. A fact of which nobody says when it happened happens now, which is after any erasure that is seen.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from referrals import person_key, suppressions
from referrals.models import Advocate, Conversion, Invite, OptIn, Reward, Suppression
from referrals.order_lines import Line
from referrals.person_key import Key

Listed = tuple[int, str, datetime]
Lists = Callable[[Iterable[Key]], Iterable[Listed]]

MARGIN = timedelta(minutes=5)
SHORTEST_NAME = 2
SHORTEST_PART = 3  # what is shorter is found among too many words
SHORTEST_PHONE = 7  # digits
LAST_OF_A_PHONE = 8  # digits, which are the same with and without the code of a country
#: Where a person is named, until their erasure.
PLACES: Sequence[tuple[type[Any], str]] = (
    (Advocate, "email"),
    (Invite, "recipient_email"),
    (Conversion, "friend_email"),
    (Reward, "recipient_email"),
    (OptIn, "email"),
)

_LETTER = r"[^\W\d_]"
_ENDING = rf"{_LETTER}{{0,4}}(?!{_LETTER})"  # of most words in most languages that have any
_VOWELS = (
    "aeiouy\u00e6\u00f8\u0153"
    "\u0430\u0435\u0438\u043e\u0443\u044b\u044d\u044e\u044f\u0454\u0456"  # Cyrillic
    "\u03b1\u03b5\u03b7\u03b9\u03bf\u03c5\u03c9"  # Greek
)
_BETWEEN_DIGITS = r"[\s()./\-\u2010-\u2015]*"


def times(emails: Iterable[str], listed: Lists | None = None) -> dict[str, datetime]:
    """When those were last erased who ever were, by their person's key; one query for any number.

    `listed` is how that query is made, where it is asked too often to be written down each time.
    """
    owners = person_key.owners(emails)
    return {
        person_key.of(email): at
        for version, digest, at in (listed or listed_under)(owners)
        for email in owners[version, digest]
    }


def listed_under(keys: Iterable[Key]) -> "QuerySet[Suppression, Listed]":
    """The erasures of people with these keys, the oldest first: version, key and time."""
    erased = Suppression.objects.filter(store=None, reason=Suppression.Reason.ERASED)
    rows = erased.filter(person_key.stored("mailbox_hash", keys)).order_by("created_at")
    return rows.values_list("key_version", "mailbox_hash", "created_at")


def is_older(email: str, occurred_at: datetime | None) -> bool:
    """Whether a fact of that time is older than the erasure of who has this address; times to come count as now."""
    if occurred_at is None:
        return False
    moment = min(occurred_at, timezone.now())
    return any(moment <= erased_at + MARGIN for erased_at in times([email]).values())


def has_come_back(email: str) -> bool:
    """Whether anything names the person (again)."""
    spelt = suppressions.spellings(email)
    return any(model.objects.alias(at=Lower(field)).filter(at__in=spelt).exists() for model, field in PLACES)


def stand_in(email: str, uid: UUID) -> str:
    """The placeholder for the address of an erased person in a new row; the same for no two."""
    return stand_in_by(person_key.of(email), uid)


def stand_in_by(digest: str, uid: UUID) -> str:
    """The same where the person is known by their key alone."""
    return f"{_beginning(digest)}{uid.hex}@{suppressions.NOBODY}"


def stood_in(field: str, email: str) -> Q:
    """Rows in which a placeholder stands for this address, by whatever reading it was made."""
    begins = (Q(**{f"{field}__startswith": beginning}) for beginning in _beginnings(email))
    return reduce(or_, begins) & Q(**{f"{field}__endswith": f"@{suppressions.NOBODY}"})


def stands_in(placeholder: str, email: str) -> bool:
    """Whether it is the placeholder for this address."""
    return placeholder.startswith(_beginnings(email)) and placeholder.endswith(f"@{suppressions.NOBODY}")


def unnamed(lines: Iterable[Line], *names: str) -> list[Line]:
    """The lines of an order without those that say the person's address, name or phone."""
    said = _said(names)
    return [line for line in lines if not _names(line, said)]


def blanked(lines: Iterable[Line], *names: str) -> list[Line]:
    """The lines of an order, without the words of those that say the person's address, name or phone."""
    said = _said(names)
    return [{**line, "sku": "", "name": ""} if _names(line, said) else line for line in lines]


def _names(line: Line, said: re.Pattern[str] | None) -> bool:
    return bool(said and any(said.search(_plain(str(line.get(word, "")))) for word in ("sku", "name")))


def _said(names: Iterable[str]) -> re.Pattern[str] | None:
    plain = [_plain(name).strip() for name in names]
    words = sorted({word for name in plain for word in _words(name)}, key=len, reverse=True)
    patterns = [*map(_anywhere, words), *filter(None, map(_number, plain))]
    return re.compile("|".join(patterns)) if patterns else None


def _plain(words: str) -> str:
    """Without capitals, accents, other widths and what nobody sees, as names are engraved on things."""
    if words.isascii():
        return words.lower()
    letters = unicodedata.normalize("NFKD", words).casefold().replace("\u0131", "i")
    return unicodedata.normalize("NFKC", "".join(letter for letter in letters if not _is_an_accent(letter)))


def _is_an_accent(letter: str) -> bool:
    return unicodedata.category(letter) == "Cf" or unicodedata.name(letter, "").startswith("COMBINING")


def _words(name: str) -> set[str]:
    """A name and its parts; of an address, also those of what stands before the @."""
    parts = {part for part in re.split(r"[\W\d_]+", name.partition("@")[0]) if len(part) >= SHORTEST_PART}
    shortest = 1 if name.isalpha() and not _stands_alone(name[0]) else SHORTEST_NAME  # such as a Chinese surname
    return parts | ({name} if len(name) >= shortest else set())


def _number(name: str) -> str:
    """The end of a phone number, whatever stands between its digits; empty for what is none."""
    digits = re.sub(r"\D", "", name)
    is_one = len(digits) >= SHORTEST_PHONE and not re.search(r"[^\W\d_]", name)
    return rf"{_BETWEEN_DIGITS.join(digits[-LAST_OF_A_PHONE:])}(?!\d)" if is_one else ""


def _anywhere(word: str) -> str:
    """In scripts with capitals at the beginning of a word, in any case that a language has for it; elsewhere anywhere.

    More is blanked than says the person: that costs an order some words, and the other way a name would stay.
    """
    before = rf"(?<!{_like(word[0])})" if _stands_alone(word[0]) else ""
    if word.isalpha() and _stands_alone(word[-1]) and len(word) >= SHORTEST_PART:
        return f"{before}(?:{'|'.join(_inflected(word))})"
    after = rf"s?(?!{_like(word[-1])})" if _stands_alone(word[-1]) else ""
    return f"{before}{re.escape(word)}{after}"


def _inflected(word: str) -> Iterator[str]:
    """A name whatever it ends in: Ann, Annin; Anna, Annalle, Anny; Eva, Evy; Matti, Matin; Marek, Marka."""
    stem, last = word[:-1], word[-1]
    if len(word) == SHORTEST_PART:
        yield word + _ENDING
        if last in _VOWELS:
            yield rf"{stem}[{_VOWELS}](?!{_LETTER})"
        return
    yield word
    yield stem + _ENDING
    if stem[-1] in _VOWELS:
        yield rf"{stem[:-1]}{last}(?=[{_VOWELS}]){_ENDING}"
    if last in _VOWELS and stem[-2:] in ("kk", "pp", "tt"):
        yield stem[:-1] + last


def _like(character: str) -> str:
    return r"\d" if character.isdigit() else _LETTER


def _stands_alone(character: str) -> bool:
    return character.isdigit() or character.lower() != character.upper()


def _beginnings(email: str) -> tuple[str, ...]:
    return tuple(sorted({_beginning(digest) for _, digest in person_key.every(email)}))


def _beginning(digest: str) -> str:
    return f"erased-{digest[:16]}-"
