"""People's keys and addresses are read by the standard of 2008, by which straße.example is no other's domain.

What says no address any more keeps its key, and the version by which it is read.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import IntegrityError, migrations, models, transaction

from referrals import person_key, suppressions

AT_ONCE = 2_000
WORDS = ("OptIn", "OptOut")
ADDRESSES = [
    ("Advocate", "email"),
    ("Invite", "recipient_email"),
    ("Conversion", "friend_email"),
    ("Reward", "recipient_email"),
    ("OptIn", "email"),
    ("OptOut", "email"),
    ("Submission", "email"),
]
BEYOND_ASCII = r"[^ -~]"
LONGEST = 100


def by_the_new_standard(apps: Any, schema_editor: Any) -> None:
    for name in WORDS:
        _read_again(_rows(apps, schema_editor, name), 1, 2)
    for name, field in ADDRESSES:
        _each_beyond_ascii(_rows(apps, schema_editor, name), field, _write_small)


def by_the_old_standard(apps: Any, schema_editor: Any) -> None:
    """Also of what is suppressed, as far as anything still says whose address it is."""
    for name in WORDS:
        _read_again(_rows(apps, schema_editor, name), 2, 1)
    listed = _rows(apps, schema_editor, "Suppression")

    def list_once_more(rows: Any, pk: int, field: str, email: str) -> None:
        old, new = (person_key.digest(version, email) for version in (1, 2))
        for row in listed.filter(mailbox_hash=new, key_version=2) if old != new else ():
            about = {"mailbox_hash": old, "store_id": row.store_id, "reason": row.reason}
            listed.get_or_create(**about, defaults={"key_version": 1, "created_at": row.created_at})

    for name, field in ADDRESSES:
        _each_beyond_ascii(_rows(apps, schema_editor, name), field, list_once_more)


def _rows(apps: Any, schema_editor: Any, name: str) -> Any:
    return apps.get_model("referrals", name).objects.using(schema_editor.connection.alias)


def _read_again(rows: Any, old: int, new: int) -> None:
    """Keys of who still has an address; of an ASCII one each standard makes the same."""
    theirs = rows.filter(key_version=old).exclude(email__endswith=f"@{suppressions.NOBODY}")
    reached = 0
    while some := list(theirs.filter(pk__gt=reached).order_by("pk").values_list("pk", "email", "person")[:AT_ONCE]):
        reached = some[-1][0]
        for pk, email, person in some:
            if not email.isascii() and person == person_key.digest(old, email):
                rows.filter(pk=pk).update(person=person_key.digest(new, email), key_version=new)
        rows.filter(pk__in=[pk for pk, email, _ in some if email.isascii()]).update(key_version=new)


def _each_beyond_ascii(rows: Any, field: str, do: Callable[[Any, int, str, str], None]) -> None:
    found = rows.filter(**{f"{field}__regex": BEYOND_ASCII}).order_by("pk")
    reached = 0
    while some := list(found.filter(pk__gt=reached).values_list("pk", field)[:AT_ONCE]):
        reached = some[-1][0]
        for pk, email in some:
            do(rows, pk, field, email)


def _write_small(rows: Any, pk: int, field: str, email: str) -> None:
    """In small letters; with the domain in ASCII where the same person is there in small letters as well."""
    for plain in (person_key.small(email), person_key.mailbox(email)):
        if plain == email or len(plain) > LONGEST:
            return
        with suppress(IntegrityError), transaction.atomic(using=rows.db):
            rows.filter(pk=pk).update(**{field: plain})
            return


class Migration(migrations.Migration):

    atomic = False  # each of a big table's rows is held for a moment only

    dependencies = [
        ("referrals", "0007_plain_addresses"),
    ]

    operations = [
        *(
            migrations.AlterField(name, "key_version", models.PositiveSmallIntegerField(default=2, editable=False))
            for name in ("optin", "optout", "suppression")
        ),
        migrations.RunPython(by_the_new_standard, by_the_old_standard),
    ]
