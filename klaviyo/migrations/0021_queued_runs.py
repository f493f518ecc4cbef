"""Runs of actions may wait for a worker, and those that do are found by an index of their own."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("klaviyo", "0020_runs_to_forget"),
    ]

    operations = [
        migrations.AlterField(
            "actionrun",
            "state",
            models.CharField(
                choices=[
                    ("queued", "Waits for a worker"),
                    ("under_way", "Under way"),
                    ("done", "Done"),
                    ("abandoned", "Abandoned"),
                ],
                default="under_way",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            "actionrun",
            models.Index(fields=["began_at"], name="queued_runs", condition=models.Q(state="queued")),
        ),
    ]
