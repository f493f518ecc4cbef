"""Parts: which deliveries an attempt was about, without the checks that cost more than the row."""

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

TABLE = "integrations_attempt_deliveries"


def _unchecked(apps: Any, editor: Any) -> None:
    """PostgreSQL looks both ends up, and locks them, for each row that refers to them."""
    if editor.connection.vendor != "postgresql":
        return
    with editor.connection.cursor() as cursor:
        known = editor.connection.introspection.get_constraints(cursor, TABLE)
    for name, one in known.items():
        if one["foreign_key"] or (one["unique"] and not one["primary_key"]):
            editor.execute(f'ALTER TABLE {TABLE} DROP CONSTRAINT "{name}"')


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0008_places'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='Part',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('attempt', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='integrations.attempt')),
                        ('delivery', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='parts', to='integrations.delivery')),
                    ],
                    options={'db_table': TABLE},
                ),
                migrations.AlterField(
                    model_name='attempt',
                    name='deliveries',
                    field=models.ManyToManyField(related_name='attempts', through='integrations.Part', to='integrations.delivery'),
                ),
            ],
            database_operations=[migrations.RunPython(_unchecked, migrations.RunPython.noop)],
        ),
    ]
