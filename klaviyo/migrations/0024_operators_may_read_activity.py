"""The operators of a site that had their group before may read the activity; what else they may is kept."""

from typing import Any

from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUP = "Integration operators"
NEW = ("view_logentry",)


def grant(apps: Any, schema_editor: Any) -> None:
    """A new site has no such group yet: it is made after all migrations, with all permissions."""
    using = schema_editor.connection.alias
    group = apps.get_model("auth", "Group").objects.using(using).filter(name=GROUP).first()
    if group is None:
        return
    _create_permissions(apps, "admin", using)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    group.permissions.add(*permissions.filter(content_type__app_label="admin", codename__in=NEW))


def _create_permissions(apps: Any, app: str, using: str) -> None:
    """Otherwise they are made after all migrations; an app of the past has no module, which is asked for."""
    config = apps.get_app_config(app)
    module, config.models_module = getattr(config, "models_module", None), True
    create_permissions(config, verbosity=0, using=using, apps=apps)
    config.models_module = module


class Migration(migrations.Migration):

    dependencies = [
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("klaviyo", "0023_operators_may_run_actions"),
    ]

    operations = [
        migrations.RunPython(grant, migrations.RunPython.noop, elidable=True),
    ]
