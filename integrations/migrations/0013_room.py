"""Room: on PostgreSQL's pages of deliveries and places, for what their way changes; and triggers that write less."""

from typing import Any

from django.db import migrations

import integrations.packing
from integrations import places

# A changed row that fits on its page costs the log what has changed, another page the whole row and all indexes:
# https://www.postgresql.org/docs/current/storage-hot.html
HALF = {places.DELIVERY: 40, places.PLACE: 45}


def _make_room(_apps: Any, editor: Any) -> None:
    """What is full already stays so. The triggers are made anew as they are now."""
    if editor.connection.vendor == "postgresql":
        for table, part in HALF.items():
            editor.execute(f"ALTER TABLE {table} SET (fillfactor = {part})")
    places.install(editor)


def _fill_up(_apps: Any, editor: Any) -> None:
    if editor.connection.vendor == "postgresql":
        for table in HALF:
            editor.execute(f"ALTER TABLE {table} RESET (fillfactor)")


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0012_private_keys'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(  # a column as before
            state_operations=[
                migrations.AlterField(
                    model_name='delivery',
                    name='body',
                    field=integrations.packing.PackedJSONField(default=dict),
                ),
            ],
        ),
        migrations.RunPython(_make_room, _fill_up),
    ]
