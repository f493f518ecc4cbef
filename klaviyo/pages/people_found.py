"""People found by a part of an address or a name: advocates, and friends who were invited; the latest of each."""

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Max, Model, Q

from klaviyo.pages.permissions import Part
from referrals.models import Advocate, Invite

ADVOCATE, FRIEND = "Advocate", "Friend"
SHOWN = 20  # of each kind
FARTHEST = 1_000_000  # rows back, as no index helps a search for a part
MOST_WORDS = 5
LONGEST = 100
SHORTEST = 2  # letters of an address or a name
NOBODY = "This is no whole address, and nobody here has it in theirs or in their name. Try a shorter part."


@dataclass(frozen=True)
class Found:
    """Somebody's address and name, and what they are."""

    email: str
    name: str
    what: str


def by(words: str, open: Collection[Part]) -> list[Found]:
    """Each address once; all words must occur in it, or in the name. Friends are for whoever may see sends."""
    wanted = unicodedata.normalize("NFC", words).split()[:MOST_WORDS]  # as names are stored
    found: dict[str, Found] = {}
    if Part.MEMBERSHIPS in open:
        for row in _latest(Advocate, wanted, "email", "first_name", "last_name"):
            found.setdefault(row.email, Found(row.email, f"{row.first_name} {row.last_name}".strip(), ADVOCATE))
    for row in _latest(Invite, wanted, "recipient_email", "recipient_name"):
        found.setdefault(row.recipient_email, Found(row.recipient_email, row.recipient_name, FRIEND))
    return [one for one in found.values() if one.email]


def by_part(typed: str, open: Collection[Part], *, advocates: bool = False) -> list[Found]:
    """Whom somebody may mean who has typed no whole address; `advocates`: of them alone."""
    found = by(typed, open) if _can_be_one(typed) else []
    return [one for one in found if one.what == ADVOCATE] if advocates else found


def nobody(typed: str, why_no_address: str) -> str:
    """What to say where that found nobody."""
    return NOBODY if _can_be_one(typed) else why_no_address


def _can_be_one(typed: str) -> bool:
    """Whether it can be a part of an address or a name; no text in PostgreSQL holds a NUL."""
    return SHORTEST <= len(typed.strip()) <= LONGEST and "\x00" not in typed


def _latest(model: type[Model], words: list[str], *fields: str) -> Iterator[Any]:
    if not words:
        return
    rows = model._default_manager.order_by("-pk")
    newest = rows.aggregate(newest=Max("pk"))["newest"] or 0
    each = [reduce(or_, (Q(**{f"{field}__icontains": word}) for field in fields)) for word in words]
    yield from rows.filter(reduce(and_, each), pk__gt=newest - FARTHEST)[:SHOWN]
