"""What waits says of itself how many of its tries may share a request with others."""

from typing import Any

from django.db import migrations

OPEN = ("queued", "sending", "held", "failed")
MESSAGES = ("invite_received", "invite_reminder")  # the oldest say no more than their metric
REPEATABLE = 3


def say_so(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("integrations", "Delivery").objects.using(schema_editor.connection.alias)
    waiting = rows.filter(place__state__in=OPEN, shared_tries=0).exclude(reason_code="goes_alone")
    waiting.filter(kind__in=("profile", "list")).update(shared_tries=REPEATABLE)
    events = waiting.filter(kind="event").exclude(options__has_key="message")  # what needs consent goes by itself
    events.exclude(options__has_key="metric", options__metric__in=MESSAGES).update(shared_tries=1)


class Migration(migrations.Migration):

    dependencies = [
        ("klaviyo", "0014_store_time_zones"),
        ("integrations", "0008_places"),
    ]

    operations = [
        migrations.RunPython(say_so, migrations.RunPython.noop),
    ]
