"""Nobody looks for a part by its own number, so that PostgreSQL keeps no index of these."""

from typing import Any

from django.db import migrations

TABLE = "integrations_attempt_deliveries"


def _drop(_apps: Any, editor: Any) -> None:
    """The column stays, and counts on."""
    if editor.connection.vendor != "postgresql":
        return
    with editor.connection.cursor() as cursor:
        known = editor.connection.introspection.get_constraints(cursor, TABLE)
    for name, one in known.items():
        if one["primary_key"]:
            editor.execute(f'ALTER TABLE {TABLE} DROP CONSTRAINT "{name}"')


def _make(_apps: Any, editor: Any) -> None:
    if editor.connection.vendor == "postgresql":
        editor.execute(f"ALTER TABLE {TABLE} ADD PRIMARY KEY (id)")


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0018_notices'),
    ]

    operations = [
        migrations.RunPython(_drop, _make),
    ]
