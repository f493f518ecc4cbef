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

SHOWN = 20  # of each kind
FARTHEST = 1_000_000  # rows back, as no index helps a search for a part
MOST_WORDS = 5


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
            found.setdefault(row.email, Found(row.email, f"{row.first_name} {row.last_name}".strip(), "Advocate"))
    for row in _latest(Invite, wanted, "recipient_email", "recipient_name"):
        found.setdefault(row.recipient_email, Found(row.recipient_email, row.recipient_name, "Friend"))
    return [one for one in found.values() if one.email]


def _latest(model: type[Model], words: list[str], *fields: str) -> Iterator[Any]:
    if not words:
        return
    rows = model._default_manager.order_by("-pk")
    newest = rows.aggregate(newest=Max("pk"))["newest"] or 0
    each = [reduce(or_, (Q(**{f"{field}__icontains": word}) for field in fields)) for word in words]
    yield from rows.filter(reduce(and_, each), pk__gt=newest - FARTHEST)[:SHOWN]
