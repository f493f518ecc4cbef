"""One index of what is settled instead of two: whoever is to be forgotten is found by it as well.

On PostgreSQL while others go on writing; what a run that broke off has left of it is made anew.
https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
"""

from collections.abc import Iterable
from typing import Any

from django.db import migrations, models

IS_SETTLED = models.Q(settled_at__isnull=False)
NEW = models.Index(condition=IS_SETTLED, fields=['connection', 'state', 'is_named', 'settled_at'], name='places_as_they_ended')
OLD = (
    models.Index(condition=IS_SETTLED, fields=['connection', 'state', '-settled_at'], name='settled_places'),
    models.Index(condition=models.Q(('is_named', True), ('settled_at__isnull', False)), fields=['settled_at'], name='places_to_forget'),
)


def _to_one(apps: Any, editor: Any) -> None:
    _change(apps, editor, [NEW], OLD)


def _to_two(apps: Any, editor: Any) -> None:
    _change(apps, editor, OLD, [NEW])


def _change(apps: Any, editor: Any, new: Iterable[Any], old: Iterable[Any]) -> None:
    place, is_postgresql = apps.get_model("integrations", "Place"), editor.connection.vendor == "postgresql"
    for one in new:
        editor.execute(f"DROP INDEX IF EXISTS {one.name}")
        editor.execute(one.create_sql(place, editor, **({"concurrently": True} if is_postgresql else {})))
    for one in old:
        editor.execute(f"DROP INDEX {'CONCURRENTLY ' if is_postgresql else ''}IF EXISTS {one.name}")


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('integrations', '0020_packed_ids'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(model_name='place', index=NEW),
                migrations.RemoveIndex(model_name='place', name='settled_places'),
                migrations.RemoveIndex(model_name='place', name='places_to_forget'),
            ],
            database_operations=[migrations.RunPython(_to_one, _to_two)],
        ),
    ]
