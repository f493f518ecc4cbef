"""Runs of actions that are to be forgotten, and those under way, are found by indexes of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("klaviyo", "0019_action_runs"),
    ]

    operations = [
        migrations.AddIndex(
            "actionrun",
            models.Index(fields=["began_at"], name="runs_to_forget", condition=~models.Q(given="")),
        ),
        migrations.AddIndex(
            "actionrun",
            models.Index(fields=["began_at"], name="runs_under_way", condition=models.Q(state="under_way")),
        ),
    ]
