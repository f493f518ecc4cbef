"""What a worker claims keeps its place as it was, so that a claim writes to no index."""

from typing import Any

from django.db import migrations

from integrations import places


def _stay(_apps: Any, editor: Any) -> None:
    """Those in hand at the moment stay marked as such, and leave their places when they are settled."""
    places.renew(editor)


def _go(apps: Any, editor: Any) -> None:
    """The version before looks for what is in hand among the places: each delivery that is leased tells its own anew."""
    places.renew(editor, stays="1 = 0")
    delivery, lease = apps.get_model("integrations", "Delivery"), apps.get_model("integrations", "Lease")
    for one in lease.objects.iterator():
        delivery.objects.filter(pk__in=one.deliveries, lease=one.pk, state="sending").update(lease=one.pk)


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0018_notices'),
    ]

    operations = [
        migrations.RunPython(_stay, _go),
    ]
