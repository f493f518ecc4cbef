"""What waits for people whose domain was taken for another's goes to their own, however their address was written.

0013 passed by those whose address has capitals before the @, or was written in ASCII as the same person was there
already. What was told before stays on record as it went.
"""

from collections.abc import Iterator
from typing import Any

from django.db import migrations
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.encoding import punycode

from referrals import domains

AT_ONCE = 2_000
BEYOND_ASCII = r"[^ -~]"
IN_ASCII = "xn--"
#: Where a person's address stands, and the ids of all facts of which something may be told to them.
PLACES = [
    ("Advocate", "email", ("uid", "invites__uid", "invites__reminders__uid", "visits__uid", "conversions__uid", "rewards__uid")),
    ("Invite", "recipient_email", ("uid", "reminders__uid")),
    ("Conversion", "friend_email", ("uid",)),
    ("Reward", "recipient_email", ("uid",)),
    ("OptIn", "email", ("uid",)),
    ("OptOut", "email", ("uid",)),
]


def to_their_own(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    rows = {name: apps.get_model("referrals", name).objects.using(alias) for name, _, _ in PLACES}
    deliveries = apps.get_model("integrations", "Delivery").objects.using(alias)
    waiting = deliveries.filter(state__in=("queued", "held")).alias(address=Lower("subject"))
    for name, field, uids in PLACES:
        for pk, email in _international(rows[name], field):
            if was := _taken_for_another(email):
                for sources in _sources(rows[name].filter(pk=pk), uids):
                    for delivery in waiting.filter(source__in=sources, address=was):
                        if not _is_anothers(rows, delivery.source, was):
                            _send_to_their_own(deliveries, delivery, email)


def _international(rows: Any, field: str) -> Iterator[tuple[int, str]]:
    theirs = Q(**{f"{field}__regex": BEYOND_ASCII}) | Q(**{f"{field}__icontains": IN_ASCII})
    found = rows.filter(theirs).order_by("pk").values_list("pk", field)
    reached = 0
    while some := list(found.filter(pk__gt=reached)[:AT_ONCE]):
        reached = some[-1][0]
        yield from some


def _taken_for_another(email: str) -> str:
    """The address as it went before, in small letters, if that was not its own."""
    local, _, domain = email.rpartition("@")
    try:
        before = f"{local}@{punycode(domains.in_unicode(domain))}".lower()
        return before if before != domains.address_in_ascii(email).lower() else ""
    except UnicodeError:
        return ""


def _sources(row: Any, uids: tuple[str, ...]) -> Iterator[list[str]]:
    for name in uids:
        found = [str(uid) for uid in row.values_list(name, flat=True).distinct() if uid]
        for first in range(0, len(found), AT_ONCE):
            yield found[first : first + AT_ONCE]


def _is_anothers(rows: Any, source: str, was: str) -> bool:
    """Whether somebody else of the same fact has that very address."""
    return any(
        rows[name].filter(**{uid: source, f"{field}__iexact": was}).exists() for name, field, uids in PLACES for uid in uids
    )


def _send_to_their_own(deliveries: Any, delivery: Any, email: str) -> None:
    domain = domains.address_in_ascii(email).rpartition("@")[2]
    address, body = f"{delivery.subject.rpartition('@')[0]}@{domain}", delivery.body
    try:
        person = body["data"]["attributes"]["profile"]["data"]["attributes"]
    except (KeyError, TypeError):
        person = {}  # all other kinds are made when they go
    if person.get("email") == delivery.subject:
        person["email"] = address
    deliveries.filter(pk=delivery.pk).update(subject=address, body=body)


class Migration(migrations.Migration):

    atomic = False  # each of a big table's rows is held for a moment only

    dependencies = [
        ("klaviyo", "0015_shared_tries"),
        ("referrals", "0008_plain_domains"),
    ]

    operations = [
        migrations.RunPython(to_their_own, migrations.RunPython.noop),
    ]
