"""Room on PostgreSQL's pages of deliveries and places, for what their way changes; and bodies may be packed."""

import json
from typing import Any

from django.db import migrations

import integrations.packing
from integrations import packing, places

# A changed row that fits on its page costs the log what has changed, another page the whole row and all indexes:
# https://www.postgresql.org/docs/current/storage-hot.html
PARTS_TO_FILL = {places.DELIVERY: 40, places.PLACE: 45}
AT_ONCE = 1_000


def _make_room(_apps: Any, editor: Any) -> None:
    """What is full already stays so, and what is not packed is read as it is."""
    if editor.connection.vendor == "postgresql":
        for table, part in PARTS_TO_FILL.items():
            editor.execute(f"ALTER TABLE {table} SET (fillfactor = {part})")


def _fill_up(_apps: Any, editor: Any) -> None:
    if editor.connection.vendor == "postgresql":
        unpack_all(editor.connection)
        for table in PARTS_TO_FILL:
            editor.execute(f"ALTER TABLE {table} RESET (fillfactor)")


def unpack_all(connection: Any) -> None:
    """Every body as the version before reads it, some at a time."""
    packed = f"SELECT id, body #>> '{{}}' FROM {places.DELIVERY} WHERE jsonb_typeof(body) = 'string' AND id > %s"
    reached = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(f"{packed} ORDER BY id LIMIT {AT_ONCE}", [reached])
            found = cursor.fetchall()
            if not found:
                return
            bodies = [(json.dumps(packing.unpack(body)), pk) for pk, body in found]
            cursor.executemany(f"UPDATE {places.DELIVERY} SET body = %s::jsonb WHERE id = %s", bodies)
            reached = found[-1][0]


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
