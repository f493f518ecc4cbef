"""What waits for people whose domain was taken for another's goes to their own: see `referrals.domains`.

What was told before stays on record as it went.
"""

from collections.abc import Iterator
from typing import Any

from django.db import migrations, models
from django.utils.encoding import punycode

from referrals import domains

AT_ONCE = 2_000
BEYOND_ASCII = r"[^ -~]"
#: Where a person's address stands, and the ids of all facts of which something may be told to them.
PLACES = [
    ("Advocate", "email", ("uid", "invites__uid", "invites__reminders__uid", "visits__uid", "conversions__uid", "rewards__uid")),
    ("Invite", "recipient_email", ("uid", "reminders__uid")),
    ("Conversion", "friend_email", ("uid",)),
    ("Reward", "recipient_email", ("uid",)),
    ("OptIn", "email", ("uid",)),
    ("OptOut", "email", ("uid",)),
]


def by_the_new_standard(apps: Any, schema_editor: Any) -> None:
    _readdress(apps, schema_editor, is_back=False)


def by_the_old_standard(apps: Any, schema_editor: Any) -> None:
    _readdress(apps, schema_editor, is_back=True)


def _readdress(apps: Any, schema_editor: Any, *, is_back: bool) -> None:
    alias = schema_editor.connection.alias
    waiting = apps.get_model("integrations", "Delivery").objects.using(alias).filter(state__in=("queued", "held"))
    for name, field, uids in PLACES:
        rows = apps.get_model("referrals", name).objects.using(alias)
        for pk, email in _beyond_ascii(rows, field):
            if was := _taken_for_another(email):
                old, new = (was, domains.address_in_ascii(email))[:: -1 if is_back else 1]
                for sources in _sources(rows.filter(pk=pk), uids):
                    for delivery in waiting.filter(source__in=sources, subject__in={old, old.lower()}):
                        _send_to(waiting, delivery, new if delivery.subject == old else new.lower())


def _beyond_ascii(rows: Any, field: str) -> Iterator[tuple[int, str]]:
    found = rows.filter(**{f"{field}__regex": BEYOND_ASCII}).order_by("pk").values_list("pk", field)
    reached = 0
    while some := list(found.filter(pk__gt=reached)[:AT_ONCE]):
        reached = some[-1][0]
        yield from some


def _taken_for_another(email: str) -> str:
    """The address as it went before, if that was not its own."""
    local, _, domain = email.rpartition("@")
    try:
        before = f"{local}@{punycode(domain)}"
        return before if before.lower() != domains.address_in_ascii(email).lower() else ""
    except UnicodeError:
        return ""


def _sources(row: Any, uids: tuple[str, ...]) -> Iterator[list[str]]:
    for name in uids:
        found = [str(uid) for uid in row.values_list(name, flat=True).distinct() if uid]
        for first in range(0, len(found), AT_ONCE):
            yield found[first : first + AT_ONCE]


def _send_to(waiting: Any, delivery: Any, address: str) -> None:
    body = delivery.body
    try:
        person = body["data"]["attributes"]["profile"]["data"]["attributes"]
    except (KeyError, TypeError):
        person = {}  # all other kinds are made when they go
    if person.get("email") == delivery.subject:
        person["email"] = address
    waiting.filter(pk=delivery.pk).update(subject=address, body=body)


class Migration(migrations.Migration):

    atomic = False  # each of a big table's rows is held for a moment only

    dependencies = [
        ("integrations", "0005_chores"),
        ("klaviyo", "0012_other_addresses"),
        ("referrals", "0008_plain_domains"),
    ]

    operations = [
        migrations.AlterField("erasure", "key_version", models.PositiveSmallIntegerField(default=2, editable=False)),
        migrations.RunPython(by_the_new_standard, by_the_old_standard),
    ]
