"""Places: the columns that a delivery's way changes move, with their indexes, to a narrow row of their own; and leases.

Whoever goes on writing meanwhile is heeded, as the triggers come first. Places are filled in portions, each for good: a
run that breaks off is run again.
"""

import uuid
from typing import Any

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models
from django.db.models import Max
from django.utils import timezone

from integrations import places

AT_ONCE = 20_000


def _give_back(apps: Any, _editor: Any) -> None:
    """What workers held when they were stopped: each lease ends when it would have, and a sweep queues it again."""
    delivery, lease = apps.get_model("integrations", "Delivery"), apps.get_model("integrations", "Lease")
    held = delivery.objects.filter(state="sending", lease__isnull=False)
    ends = held.order_by().values_list("connection", "lease").annotate(until=Max("lease_until"))
    for connection, id, until in list(ends):
        pks = list(held.filter(connection=connection, lease=id).values_list("pk", flat=True))
        known = {"connection_id": connection, "deliveries": pks, "until": until or timezone.now()}
        lease.objects.update_or_create(id=id, defaults=known)


def _wait_no_more(apps: Any, _editor: Any) -> None:
    """The version before gives back what is late."""
    apps.get_model("integrations", "Delivery").objects.filter(state="sending").update(lease_until=timezone.now())


def _install(_apps: Any, editor: Any) -> None:
    places.install(editor)
    if editor.connection.vendor == "postgresql":
        # Room beside each row for its next state, as all of a page may be claimed together: https://www.postgresql.org/docs/current/storage-hot.html
        editor.execute(f"ALTER TABLE {places.DELIVERY} SET (fillfactor = 50)")
        often = "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02"
        editor.execute(f"ALTER TABLE {places.PLACE} SET ({often})")


def _remove(_apps: Any, editor: Any) -> None:
    places.remove(editor)


def _fill(apps: Any, editor: Any) -> None:
    last = apps.get_model("integrations", "Delivery").objects.aggregate(last=Max("pk"))["last"] or 0
    for first in range(1, last + 1, AT_ONCE):
        editor.execute(places.fill(first, first + AT_ONCE - 1))


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('integrations', '0007_one_word_for_not_sent'),
    ]

    operations = [
        migrations.CreateModel(
            name='Turn',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False)),
                ('until', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, primary_key=True, serialize=False)),
                ('deliveries', models.JSONField(help_text='The ids of what was claimed.')),
                ('until', models.DateTimeField()),
                ('began_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='Place',
            fields=[
                ('delivery', models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, primary_key=True, related_name='place', serialize=False, to='integrations.delivery')),
                ('kind', models.CharField(max_length=64)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('sending', 'Sending'), ('accepted', 'Accepted'), ('confirmed', 'Confirmed'), ('skipped', 'Not sent'), ('held', 'Held'), ('failed', 'Failed'), ('cancelled', 'Cancelled')], max_length=12)),
                ('is_alone', models.BooleanField(help_text='It shares a request with no other.')),
                ('lane', models.CharField(max_length=120)),
                ('suspects', models.UUIDField(help_text="With whom it was in a dead worker's hands.", null=True)),
                ('next_try_at', models.DateTimeField()),
                ('not_after', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
                ('is_named', models.BooleanField(help_text='Whether the delivery says whom it is about.')),
            ],
        ),
        migrations.AddField(
            model_name='lease',
            name='connection',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='leases', to='integrations.connection'),
        ),
        migrations.AddField(
            model_name='place',
            name='connection',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='places', to='integrations.connection'),
        ),
        migrations.AddIndex(
            model_name='lease',
            index=models.Index(fields=['until'], name='leases_by_their_end'),
        ),
        migrations.AddField(
            model_name='delivery',
            name='shared_tries',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, help_text='How many tries may share a request with others; after these it goes alone.'),
        ),
        migrations.AlterField(
            model_name='delivery',
            name='lease',
            field=models.UUIDField(blank=True, help_text='Whoever has claimed it; while it waits, with whom it is under suspicion.', null=True),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(fields=['subject', 'kind'], name='told_of_a_person'),
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='deliveries_of_a_person',
        ),
        migrations.RunPython(_give_back, _wait_no_more),
        migrations.RemoveIndex(
            model_name='delivery',
            name='due_deliveries',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='open_deliveries_of_a_lane',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='leased_deliveries',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='deliveries_by_state',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='deliveries_to_forget',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='due_deliveries_of_a_kind',
        ),
        migrations.RemoveIndex(
            model_name='delivery',
            name='held_deliveries',
        ),
        migrations.AlterField(
            model_name='delivery',
            name='connection',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='integrations.connection'),
        ),
        migrations.RemoveField(
            model_name='delivery',
            name='lease_until',
        ),
        migrations.RunPython(_install, _remove),
        migrations.RunPython(_fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='place',
            index=models.Index(condition=models.Q(('state__in', ['queued', 'sending', 'held'])), fields=['connection', 'state', 'next_try_at', 'delivery'], name='open_places'),
        ),
        migrations.AddIndex(
            model_name='place',
            index=models.Index(condition=models.Q(('state', 'queued'), ('suspects', None)), fields=['connection', 'kind', 'is_alone', 'next_try_at', 'delivery'], name='due_places_of_a_lot'),
        ),
        migrations.AddIndex(
            model_name='place',
            index=models.Index(condition=models.Q(('state', 'queued'), ('suspects__isnull', False)), fields=['connection', 'suspects'], name='places_under_suspicion'),
        ),
        migrations.AddIndex(
            model_name='place',
            index=models.Index(condition=models.Q(('settled_at', None), models.Q(('lane', ''), _negated=True)), fields=['lane', 'delivery'], name='open_places_of_a_lane'),
        ),
        migrations.AddIndex(
            model_name='place',
            index=models.Index(condition=models.Q(('state', 'held')), fields=['connection', 'delivery'], name='held_places'),
        ),
        migrations.AddIndex(
            model_name='place',
            index=models.Index(condition=models.Q(('not_after__isnull', False), ('state__in', ['queued', 'held'])), fields=['not_after'], name='places_that_come_too_late'),
        ),
        migrations.AddIndex(
            model_name='place',
            index=models.Index(condition=models.Q(('settled_at__isnull', False)), fields=['connection', 'state', '-settled_at'], name='settled_places'),
        ),
        migrations.AddIndex(
            model_name='place',
            index=models.Index(condition=models.Q(('is_named', True), ('settled_at__isnull', False)), fields=['settled_at'], name='places_to_forget'),
        ),
    ]
