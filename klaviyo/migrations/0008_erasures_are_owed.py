"""An erasure keeps whom it is about, encrypted, for as long as an account must still hear of it."""

import django.utils.timezone
from django.db import migrations, models

import integrations.encryption


class Migration(migrations.Migration):

    dependencies = [
        ("klaviyo", "0007_operators_may_release_messages"),
    ]

    operations = [
        migrations.AddField(
            model_name="erasure",
            name="address",
            field=integrations.encryption.EncryptedTextField(blank=True, default="", editable=False),
        ),
        migrations.AddField(
            model_name="erasure",
            name="repeated_at",
            field=models.DateTimeField(
                blank=True,
                help_text="When it was done once more, for what was being written meanwhile.",
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="erasure",
            name="mailbox_hash",
            field=models.CharField(db_index=True, max_length=64, verbose_name="person's key"),
        ),
        migrations.AddField(
            model_name="erasure",
            name="key_version",
            field=models.PositiveSmallIntegerField(default=1, editable=False),
        ),
        migrations.AlterField(
            model_name="erasure",
            name="requested_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
    ]
