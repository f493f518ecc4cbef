"""Messages of Klaviyo's flows count towards the caps like Sorae's own, by mailbox; so do those of the last week."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import migrations, models
from django.db.models import Q
from django.utils import timezone

from referrals import person_key  # the very hash that later messages are counted by

AT_ONCE = 1_000


def count_the_last_week(apps: Any, schema_editor: Any) -> None:
    sends = apps.get_model("klaviyo", "Send").objects.using(schema_editor.connection.alias)
    since = timezone.now() - timedelta(days=7)
    told = Q(channel="klaviyo", delivery__state__in=("accepted", "confirmed"), delivery__settled_at__gt=since)
    rows = sends.filter(told | Q(mailed_at__gt=since)).select_related("delivery", "invite").order_by("pk")
    for some in _in_batches(iter(rows.iterator(AT_ONCE))):
        for row in some:
            row.mailed_at = row.mailed_at or row.delivery.settled_at
            row.mailbox_hash = person_key.of(row.invite.recipient_email)
        sends.bulk_update(some, ["mailed_at", "mailbox_hash"])


def _in_batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0005_chores'),
        ('klaviyo', '0008_erasures_are_owed'),
        ('referrals', '0005_tallies'),
    ]

    operations = [
        migrations.AddField(
            model_name='send',
            name='mailbox_hash',
            field=models.CharField(blank=True, db_default='', help_text="SHA-256 of the friend's address in its plainest form.", max_length=64),
        ),
        migrations.AlterField(
            model_name='send',
            name='mailed_at',
            field=models.DateTimeField(blank=True, help_text='Handed to the mail server, or told to Klaviyo; as far as we know.', null=True),
        ),
        migrations.AddIndex(
            model_name='send',
            index=models.Index(condition=models.Q(('mailed_at__isnull', False)), fields=['store', 'mailbox_hash', 'mailed_at'], name='messages_to_a_person'),
        ),
        migrations.RunPython(count_the_last_week, migrations.RunPython.noop),
    ]
