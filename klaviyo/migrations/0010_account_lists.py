"""A copy of each account's lists, which workers fill: the settings page no longer asks Klaviyo for them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0005_chores'),
        ('klaviyo', '0009_caps_by_mailbox'),
    ]

    operations = [
        migrations.CreateModel(
            name='AccountLists',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lists', models.JSONField(default=list)),
                ('read_at', models.DateTimeField(blank=True, null=True)),
                ('problem', models.TextField(blank=True, help_text='Why some or all could not be read the last time.')),
                ('next_look_at', models.DateTimeField(blank=True, null=True)),
                ('connection', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='account_lists', to='integrations.connection')),
            ],
        ),
    ]
