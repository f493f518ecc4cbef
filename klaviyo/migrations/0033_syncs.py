"""Tables of syncs. What is staged is not worth a write-ahead log: a crash of the server empties it, and it is read anew."""

from typing import Any

import django.db.models.deletion
import django.db.models.functions.datetime
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


def unlog(apps: Any, editor: Any) -> None:
    """https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-UNLOGGED"""
    if editor.connection.vendor == "postgresql":
        editor.execute("ALTER TABLE klaviyo_syncstaged SET UNLOGGED")


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0018_notices'),
        ('klaviyo', '0032_facts_until'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SyncSource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=100, unique=True)),
                ('kind', models.CharField(choices=[('ready', "Sorae's own data"), ('sql', 'SQL query'), ('file', 'File')], max_length=8)),
                ('ready', models.CharField(blank=True, help_text="Which of Sorae's own tables.", max_length=32)),
                ('database', models.CharField(blank=True, help_text='The name of a SYNC_DATABASE_URL.', max_length=64)),
                ('query', models.TextField(blank=True)),
                ('path', models.CharField(blank=True, max_length=1000)),
                ('key_columns', models.JSONField(default=list)),
                ('columns', models.JSONField(blank=True, default=list, help_text='As they were last seen.')),
                ('reading', models.JSONField(blank=True, default=dict, help_text='How a file is read: encoding, delimiter, header.')),
                ('zone', models.CharField(default='UTC', help_text='Of times that say none.', max_length=64)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name='Sync',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('slug', models.SlugField(max_length=64, unique=True)),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('name', models.CharField(max_length=100)),
                ('destination', models.CharField(choices=[('profiles', 'Profiles'), ('events', 'Events'), ('list', 'List'), ('subscriptions', 'Subscriptions')], max_length=13)),
                ('mode', models.CharField(choices=[('upsert', 'Create or update'), ('update', 'Update existing only'), ('send', 'Send'), ('mirror', 'Mirror'), ('add', 'Add only'), ('remove', 'Remove'), ('subscribe', 'Subscribe'), ('unsubscribe', 'Unsubscribe')], max_length=11)),
                ('mapping', models.JSONField(default=dict)),
                ('options', models.JSONField(blank=True, default=dict, help_text='Of the destination; see OPTIONS.')),
                ('cron', models.CharField(blank=True, max_length=100)),
                ('zone', models.CharField(default='UTC', help_text='Of its schedule and of times that say none.', max_length=64)),
                ('next_run_at', models.DateTimeField(blank=True, null=True)),
                ('removal_share', models.PositiveSmallIntegerField(default=20, help_text='Per cent that may leave without a person.')),
                ('removal_floor', models.PositiveIntegerField(default=50, help_text='And so many always may.')),
                ('rejected_share', models.PositiveSmallIntegerField(default=10, help_text='Per cent that may be rejected.')),
                ('alerts', models.JSONField(blank=True, default=dict)),
                ('version', models.PositiveIntegerField(default=1, help_text='How often what it says has been changed.')),
                ('is_on', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='syncs', to='integrations.connection')),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('source', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='syncs', to='klaviyo.syncsource')),
            ],
            options={
                'permissions': [('run_sync', 'Can run, stop and confirm a sync'), ('see_synced_people', 'Can see the people in a sync')],
            },
        ),
        migrations.CreateModel(
            name='SyncRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('uid', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('state', models.CharField(choices=[('reading', 'Reading'), ('held', 'Held'), ('sending', 'Sending'), ('removing', 'Removing'), ('done', 'Done'), ('failed', 'Failed'), ('stopped', 'Stopped')], default='reading', max_length=8)),
                ('stopped_in', models.CharField(blank=True, help_text='The state in which it was stopped.', max_length=8)),
                ('is_full', models.BooleanField(default=False, help_text='Everything is sent, also what has not changed.')),
                ('is_dry', models.BooleanField(default=False, help_text='Nothing is sent or kept.')),
                ('attempt', models.PositiveIntegerField(default=0)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('worked_at', models.DateTimeField(blank=True, null=True)),
                ('wait_until', models.DateTimeField(blank=True, null=True)),
                ('problem', models.TextField(blank=True, help_text='What it waits for, why it is held, or why it has failed.')),
                ('code', models.CharField(blank=True, max_length=64)),
                ('began_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('read_at', models.DateTimeField(blank=True, null=True)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('confirmed_at', models.DateTimeField(blank=True, null=True)),
                ('rows_read', models.PositiveBigIntegerField(default=0)),
                ('added', models.PositiveBigIntegerField(default=0, help_text='New to this sync.')),
                ('changed', models.PositiveBigIntegerField(default=0)),
                ('unchanged', models.PositiveBigIntegerField(default=0)),
                ('rejected', models.PositiveBigIntegerField(default=0)),
                ('not_sent', models.PositiveBigIntegerField(default=0)),
                ('unknown', models.PositiveBigIntegerField(default=0, help_text='Unknown to Klaviyo.')),
                ('removed', models.PositiveBigIntegerField(default=0)),
                ('told_before', models.PositiveBigIntegerField(default=0)),
                ('told_now', models.PositiveBigIntegerField(default=0)),
                ('erased', models.PositiveBigIntegerField(default=0, help_text='Whose rows an erasure took away meanwhile.')),
                ('to_send', models.PositiveBigIntegerField(default=0)),
                ('sent', models.PositiveBigIntegerField(default=0)),
                ('to_remove', models.PositiveBigIntegerField(default=0)),
                ('warned', models.PositiveBigIntegerField(default=0)),
                ('requests', models.PositiveIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0, help_text='Requests that were.')),
                ('samples', models.JSONField(blank=True, default=list, help_text='Requests of a dry run.')),
                ('notes', models.JSONField(blank=True, default=dict, help_text='Why rows were not sent, by code; and the like.')),
                ('begun_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('confirmed_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('stopped_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('sync', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='runs', to='klaviyo.sync')),
            ],
        ),
        migrations.CreateModel(
            name='SyncChunk',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField()),
                ('kind', models.CharField(choices=[('send', 'Send'), ('remove', 'Remove')], max_length=6)),
                ('first', models.BigIntegerField()),
                ('last', models.BigIntegerField()),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sending', 'Sending'), ('importing', 'With Klaviyo'), ('done', 'Done')], default='waiting', max_length=9)),
                ('token', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('next_try_at', models.DateTimeField(blank=True, null=True)),
                ('tries', models.PositiveIntegerField(default=0)),
                ('is_unsure', models.BooleanField(default=False, help_text='Whether a request may have left of which nobody heard.')),
                ('unsure_until', models.DateTimeField(blank=True, help_text='When what may have left is over.', null=True)),
                ('job', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='integrations.job')),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='chunks', to='klaviyo.syncrun')),
            ],
        ),
        migrations.CreateModel(
            name='SyncChange',
            fields=[
                ('pk', models.CompositePrimaryKey('run_id', 'n', blank=True, editable=False, primary_key=True, serialize=False)),
                ('n', models.BigIntegerField()),
                ('op', models.CharField(choices=[('+', 'Added'), ('~', 'Changed'), ('-', 'Removed'), ('m', 'Has another identity')], max_length=1)),
                ('key', models.TextField()),
                ('number', models.PositiveBigIntegerField(default=0)),
                ('digest', models.BinaryField(null=True)),
                ('identity', models.TextField(blank=True)),
                ('email', models.TextField(blank=True)),
                ('payload', models.TextField(blank=True)),
                ('is_done', models.BooleanField(default=False)),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='changes', to='klaviyo.syncrun')),
            ],
        ),
        migrations.CreateModel(
            name='SyncStaged',
            fields=[
                ('pk', models.CompositePrimaryKey('run_id', 'attempt', 'n', blank=True, editable=False, primary_key=True, serialize=False)),
                ('attempt', models.PositiveIntegerField()),
                ('n', models.BigIntegerField()),
                ('number', models.PositiveBigIntegerField()),
                ('key', models.TextField(null=True)),
                ('digest', models.BinaryField(null=True)),
                ('identity', models.TextField(blank=True)),
                ('email', models.TextField(blank=True)),
                ('payload', models.TextField(blank=True)),
                ('field', models.TextField(blank=True)),
                ('reason', models.TextField(blank=True, help_text='Why it is rejected.')),
                ('run', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='klaviyo.syncrun')),
            ],
        ),
        migrations.CreateModel(
            name='SyncUnread',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveBigIntegerField()),
                ('reason', models.TextField()),
                ('run', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='unread', to='klaviyo.syncrun')),
            ],
        ),
        migrations.CreateModel(
            name='SyncUpload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=255)),
                ('size', models.BigIntegerField(default=0, help_text='Bytes of the file itself.')),
                ('began_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('uploaded_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddField(
            model_name='syncsource',
            name='upload',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='sources', to='klaviyo.syncupload'),
        ),
        migrations.CreateModel(
            name='SyncUploadPiece',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(help_text='From 0.')),
                ('content', models.BinaryField()),
                ('upload', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='pieces', to='klaviyo.syncupload')),
            ],
        ),
        migrations.CreateModel(
            name='SyncRow',
            fields=[
                ('pk', models.CompositePrimaryKey('sync_id', 'key', blank=True, editable=False, primary_key=True, serialize=False)),
                ('key', models.TextField()),
                ('number', models.PositiveBigIntegerField(default=0, help_text='Where it last stood in the source.')),
                ('digest', models.BinaryField(help_text='Of what Klaviyo was told; none where it was told nothing.', null=True)),
                ('identity', models.TextField(blank=True)),
                ('email', models.TextField(blank=True, help_text="The person's, where the identity is something else.")),
                ('profile_id', models.CharField(blank=True, max_length=64)),
                ('state', models.CharField(choices=[('accepted', 'Accepted'), ('confirmed', 'Confirmed'), ('pending', 'Waits for their confirmation'), ('not_sent', 'Not sent'), ('unknown', 'Unknown to Klaviyo'), ('rejected', 'Rejected by Sorae'), ('refused', 'Rejected by Klaviyo'), ('removed_there', 'Removed there')], max_length=13)),
                ('run', models.BigIntegerField(default=0, help_text='The run in which it came to that.')),
                ('field', models.CharField(blank=True, max_length=200)),
                ('code', models.CharField(blank=True, max_length=64)),
                ('reason', models.TextField(blank=True)),
                ('since', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), default=django.utils.timezone.now)),
                ('sync', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='rows', to='klaviyo.sync')),
            ],
            options={
                'indexes': [models.Index(fields=['sync', 'identity'], name='synced_people'), models.Index(condition=models.Q(('email', ''), _negated=True), fields=['email'], name='addresses_in_syncs'), models.Index(condition=models.Q(('state__in', ['accepted', 'confirmed']), _negated=True), fields=['sync', 'state'], name='rows_with_a_problem')],
            },
        ),
        migrations.AddIndex(
            model_name='syncrun',
            index=models.Index(fields=['sync', '-began_at'], name='runs_of_a_sync'),
        ),
        migrations.AddIndex(
            model_name='syncrun',
            index=models.Index(condition=models.Q(('state__in', ['reading', 'sending', 'removing'])), fields=['worked_at'], name='open_runs'),
        ),
        migrations.AddConstraint(
            model_name='syncrun',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['reading', 'held', 'sending', 'removing'])), fields=('sync',), name='one_open_run_per_sync'),
        ),
        migrations.AddIndex(
            model_name='syncchunk',
            index=models.Index(condition=models.Q(('state', 'done'), _negated=True), fields=['run', 'number'], name='open_chunks'),
        ),
        migrations.AddConstraint(
            model_name='syncchunk',
            constraint=models.UniqueConstraint(fields=('run', 'number'), name='one_chunk_of_each_number'),
        ),
        migrations.AddIndex(
            model_name='syncchange',
            index=models.Index(fields=['run', 'key'], name='changes_by_key'),
        ),
        migrations.AddIndex(
            model_name='sync',
            index=models.Index(condition=models.Q(('is_on', True)), fields=['next_run_at'], name='due_syncs'),
        ),
        migrations.AddIndex(
            model_name='syncupload',
            index=models.Index(fields=['began_at'], name='uploads_by_time'),
        ),
        migrations.AddConstraint(
            model_name='syncuploadpiece',
            constraint=models.UniqueConstraint(fields=('upload', 'number'), name='one_piece_of_each_number'),
        ),
        migrations.RunPython(unlog, migrations.RunPython.noop),
    ]
