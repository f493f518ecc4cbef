"""What joins a store to an account is called what its page calls it: a store setting.

Rows, and who may do what with them, are carried over. Django renames a model's content type, not its permissions:
https://docs.djangoproject.com/en/5.2/ref/migration-operations/#renamemodel
"""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

OLD, NEW = "profilesync", "storesetting"
ACTIONS = ("add", "change", "delete", "view")


def rename_permissions(apps: Any, schema_editor: Any) -> None:
    _rename(apps, schema_editor, OLD, NEW)


def rename_them_back(apps: Any, schema_editor: Any) -> None:
    _rename(apps, schema_editor, NEW, OLD)


def _rename(apps: Any, schema_editor: Any, before: str, after: str) -> None:
    """In place, so that every user and group keeps them; before Django would make new ones that nobody has."""
    permissions = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    mine = permissions.filter(content_type__app_label="klaviyo", content_type__model__in=(OLD, NEW))
    for action in ACTIONS:
        mine.filter(codename=f"{action}_{before}").update(codename=f"{action}_{after}")


class Migration(migrations.Migration):

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("integrations", "0003_backlogs"),
        ("klaviyo", "0004_readings_and_backfills"),
        ("referrals", "0002_consent"),
    ]

    operations = [
        migrations.RemoveConstraint("backfill", "one_running_backfill_per_sync"),
        migrations.RemoveConstraint("profilesync", "one_sync_per_store_and_connection"),
        migrations.RenameModel("ProfileSync", "StoreSetting"),
        migrations.RenameField("backfill", "sync", "setting"),
        migrations.RenameField("send", "sync", "setting"),
        migrations.AlterField(
            "storesetting",
            "connection",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="store_settings",
                to="integrations.connection",
            ),
        ),
        migrations.AlterField(
            "storesetting",
            "store",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="klaviyo_settings", to="referrals.store"
            ),
        ),
        migrations.AddConstraint(
            "backfill",
            models.UniqueConstraint(
                condition=models.Q(("state", "running")), fields=("setting",), name="one_running_backfill_per_setting"
            ),
        ),
        migrations.AddConstraint(
            "storesetting",
            models.UniqueConstraint(fields=("store", "connection"), name="one_setting_per_store_and_connection"),
        ),
        migrations.RunPython(rename_permissions, rename_them_back),
    ]
