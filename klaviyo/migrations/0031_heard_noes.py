"""What accounts have told of is kept with them, and at which stores it counts; those of before are found once."""

from typing import Any

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

AT_ONCE = 1_000


def find_served(apps: Any, schema_editor: Any) -> None:
    """The stores that each account is joined to, and those that it was once told noes of."""
    using = schema_editor.connection.alias
    joined = apps.get_model("klaviyo", "StoreSetting").objects.using(using).values_list("connection", "store")
    deliveries = apps.get_model("integrations", "Delivery").objects.using(using).filter(kind="unsubscribe")
    told = deliveries.order_by().values_list("connection", "options__store").distinct()
    stores = set(apps.get_model("referrals", "Store").objects.using(using).values_list("pk", flat=True))
    served = apps.get_model("klaviyo", "ServedStore")
    found = {(account, store) for account, store in [*joined, *told] if store in stores}
    rows = [served(connection_id=account, store_id=store) for account, store in sorted(found)]
    served.objects.using(using).bulk_create(rows, ignore_conflicts=True, batch_size=AT_ONCE)


class Migration(migrations.Migration):

    dependencies = [
        ("integrations", "0018_notices"),
        ("klaviyo", "0030_flows"),
        ("referrals", "0009_machines_and_time_zones"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServedStore",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("heard_reached", models.BigIntegerField(default=0, help_text="The last of what was heard that the store has, too.")),
                ("heard_at", models.DateTimeField(help_text="When the store had all that was heard before it was joined.", null=True)),
                ("connection", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="served_stores", to="integrations.connection")),
                ("store", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="referrals.store")),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("heard_at", None)), fields=["store"], name="stores_yet_to_hear")],
                "constraints": [models.UniqueConstraint(fields=("connection", "store"), name="one_row_per_account_and_store")],
            },
        ),
        migrations.CreateModel(
            name="HeardNo",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("person", models.CharField(help_text="The key of who said it.", max_length=64)),
                ("key_version", models.PositiveSmallIntegerField(default=2)),
                ("is_complaint", models.BooleanField(default=False)),
                ("email", models.CharField(blank=True, max_length=254)),
                ("happened_at", models.DateTimeField()),
                ("heard_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("connection", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="heard_noes", to="integrations.connection")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["connection", "id"], name="heard_noes_of_an_account"),
                    models.Index(fields=["person"], name="heard_noes_by_key"),
                    models.Index(condition=models.Q(("email", ""), _negated=True), fields=["heard_at"], name="heard_noes_to_forget"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("connection", "person", "key_version", "is_complaint"), name="one_heard_no_of_a_kind"),
                ],
            },
        ),
        migrations.RunPython(find_served, migrations.RunPython.noop, elidable=True),
    ]
