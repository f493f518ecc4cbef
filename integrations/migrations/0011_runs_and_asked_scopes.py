from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("integrations", "0010_api_tokens"),
    ]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="run",
            field=models.UUIDField(
                blank=True, help_text="The run of an action that it was made for, if any.", null=True
            ),
        ),
        migrations.AddField(
            model_name="authorization",
            name="scopes",
            field=models.TextField(blank=True, help_text="What was asked for, separated by spaces."),
        ),
        migrations.AddIndex(
            model_name="attempt",
            index=models.Index(condition=models.Q(("run__isnull", False)), fields=["run"], name="attempts_of_a_run"),
        ),
    ]
