"""Bodies may be packed with their ids apart, which the version before cannot read."""

import json
from typing import Any

from django.db import migrations

from integrations import packing, places

AT_ONCE = 1_000


def unpack_ids(_apps: Any, editor: Any) -> None:
    """Those bodies as the version before reads them, some at a time."""
    if editor.connection.vendor != "postgresql":
        return
    mine = f"jsonb_typeof(body) = 'string' AND body #>> '{{}}' LIKE '{packing.SECOND}%%' AND id > %s"
    packed = f"SELECT id, body #>> '{{}}' FROM {places.DELIVERY} WHERE {mine} ORDER BY id LIMIT {AT_ONCE}"
    reached = 0
    with editor.connection.cursor() as cursor:
        while True:
            cursor.execute(packed, [reached])
            if not (found := cursor.fetchall()):
                return
            bodies = [(json.dumps(packing.unpack(body)), pk) for pk, body in found]
            cursor.executemany(f"UPDATE {places.DELIVERY} SET body = %s::jsonb WHERE id = %s", bodies)
            reached = found[-1][0]


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0019_lean_parts'),
    ]

    operations = [
        migrations.RunPython(migrations.RunPython.noop, unpack_ids),
    ]
