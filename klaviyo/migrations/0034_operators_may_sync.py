"""Operators of a site that had their groups before may make and run syncs, and viewers see them."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations

OF_SYNCS = ("view_sync", "add_sync", "change_sync", "delete_sync", "run_sync", "see_synced_people")
GROUPS = {"Integration operators": OF_SYNCS, "Integration viewers": ("view_sync",)}


def grant(apps: Any, schema_editor: Any) -> None:
    """A new site has no such group yet: it is made after all migrations, with all permissions."""
    using = schema_editor.connection.alias
    groups = apps.get_model("auth", "Group").objects.using(using).filter(name__in=GROUPS)
    if not groups:
        return
    _create_permissions(apps, "klaviyo", using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    for group in groups:
        new = permissions.filter(content_type__app_label="klaviyo", codename__in=GROUPS[group.name])
        group.permissions.add(*new)


def _create_permissions(apps: Any, app: str, using: str) -> None:
    """Otherwise they are made after all migrations; an app of the past has no module, which is asked for."""
    config = apps.get_app_config(app)
    module, config.models_module = getattr(config, "models_module", None), True
    create_permissions(config, verbosity=0, using=using, apps=apps)
    config.models_module = module


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("klaviyo", "0033_syncs"),
    ]

    operations = [
        migrations.RunPython(grant, migrations.RunPython.noop, elidable=True),
    ]
