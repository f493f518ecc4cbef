"""Runs know the token that asked for them by its id: what waits for a worker is not begun once it has ended."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("klaviyo", "0021_queued_runs"),
    ]

    operations = [
        migrations.AddField(
            "actionrun",
            "token_number",
            models.BigIntegerField("token's id", null=True),
        ),
    ]
