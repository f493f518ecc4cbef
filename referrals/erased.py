"""Erased people: facts that are older than an erasure are kept without the person.

Times of facts come from hosts, that of an erasure from the database, and their clocks differ: within a few minutes the
erasure wins. A fact of which nobody says when it happened happens now, which is after any erasure that is seen.
"""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from referrals import person_key, suppressions
from referrals.models import Advocate, Conversion, Invite, OptIn, Suppression
from referrals.order_lines import Line

MARGIN = timedelta(minutes=5)
SHORTEST_NAME = 3  # what is shorter is found in too many words


def times(emails: Iterable[str]) -> dict[str, datetime]:
    """When those were last erased who ever were, by their person's key; one query for any number."""
    owners = person_key.owners(emails)
    listed = Suppression.objects.filter(store=None, reason=Suppression.Reason.ERASED)
    rows = listed.filter(person_key.stored("mailbox_hash", owners)).order_by("created_at")
    return {
        person_key.of(email): at
        for version, digest, at in rows.values_list("key_version", "mailbox_hash", "created_at")
        for email in owners[version, digest]
    }


def is_older(email: str, occurred_at: datetime | None) -> bool:
    """Whether a fact of that time is older than the erasure of who has this address; times to come count as now."""
    if occurred_at is None:
        return False
    moment = min(occurred_at, timezone.now())
    return any(moment <= erased_at + MARGIN for erased_at in times([email]).values())


def has_come_back(email: str) -> bool:
    """Whether anything names the person (again)."""
    spelt = suppressions.spellings(email)
    places = ((Advocate, "email"), (Invite, "recipient_email"), (Conversion, "friend_email"), (OptIn, "email"))
    return any(model.objects.alias(at=Lower(field)).filter(at__in=spelt).exists() for model, field in places)


def stand_in(email: str, uid: UUID) -> str:
    """The placeholder for the address of an erased person in a new row; the same for no two."""
    return f"{_beginning(email)}{uid.hex}@{suppressions.NOBODY}"


def stood_in(field: str, email: str) -> Q:
    """Rows in which a placeholder stands for this address."""
    return Q(**{f"{field}__startswith": _beginning(email), f"{field}__endswith": f"@{suppressions.NOBODY}"})


def unnamed(lines: Iterable[Line], *names: str) -> list[Line]:
    """The lines of an order without those that say the person's address, name or phone."""
    words = [name.strip() for name in names if len(name.strip()) >= SHORTEST_NAME]
    said = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words), re.IGNORECASE) if words else None
    return [line for line in lines if not (said and any(said.search(str(value)) for value in line.values()))]


def _beginning(email: str) -> str:
    return f"erased-{person_key.of(email)[:16]}-"
