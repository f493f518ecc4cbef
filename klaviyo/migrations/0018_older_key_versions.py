"""Keys that were made by the older reading of addresses get its version: only those of international domains differ."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.db import migrations
from django.utils import timezone

from referrals import person_key

AT_ONCE = 2_000
BEYOND_ASCII = r"[^ -~]"
COUNTED = timedelta(days=7)  # by the caps; older messages are looked for by nobody


def note_the_older(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias
    names = apps.get_model("klaviyo", "PropertyName").objects.using(alias)
    _note(names, "person", "advocate__email")
    sends = apps.get_model("klaviyo", "Send").objects.using(alias)
    _note(sends.filter(mailed_at__gt=timezone.now() - COUNTED), "mailbox_hash", "invite__recipient_email")


def _note(rows: Any, field: str, address: str) -> None:
    found = rows.filter(**{f"{address}__regex": BEYOND_ASCII}).values_list("pk", field, address)
    for some in _in_batches(found.order_by("pk")):
        older = [pk for pk, key, email in some if key == person_key.digest(1, email) != person_key.digest(2, email)]
        rows.filter(pk__in=older).update(key_version=1)


def _in_batches(rows: Any) -> Iterator[list[tuple[int, str, str]]]:
    reached = 0
    while some := list(rows.filter(pk__gt=reached)[:AT_ONCE]):
        reached = some[-1][0]
        yield some


class Migration(migrations.Migration):

    atomic = False  # each of a big table's rows is held for a moment only

    dependencies = [
        ("klaviyo", "0017_key_versions"),
    ]

    operations = [
        migrations.RunPython(note_the_older, migrations.RunPython.noop),
    ]
