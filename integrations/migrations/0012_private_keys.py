"""Private keys: a connection is by OAuth or by a key, and what would change that waits as an offer."""

import django.db.models.deletion
import integrations.encryption
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0011_runs_and_asked_scopes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='connection',
            name='key_ending',
            field=models.CharField(blank=True, db_default='', help_text="The key's last characters, to recognize it by.", max_length=4),
        ),
        migrations.AddField(
            model_name='connection',
            name='kind',
            field=models.CharField(choices=[('oauth', 'OAuth'), ('private_key', 'private key')], db_default='oauth', default='oauth', max_length=16),
        ),
        migrations.AddField(
            model_name='connection',
            name='private_key',
            field=integrations.encryption.EncryptedTextField(blank=True, db_default='', default='', editable=False),
        ),
        migrations.AddField(
            model_name='connection',
            name='refused_scopes',
            field=models.TextField(blank=True, db_default='', help_text='What a private key may not do, as far as that is known.'),
        ),
        migrations.CreateModel(
            name='Offer',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('oauth', 'OAuth'), ('private_key', 'private key')], max_length=16)),
                ('access', integrations.encryption.EncryptedTextField(editable=False, help_text='A grant or a key, as JSON.')),
                ('asked_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='offers', to='integrations.connection')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
    ]
