"""Names of properties are stored as accounts know them: until now the latest program of a person had the plain ones."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Exists, OuterRef

from referrals import person_key, suppressions  # the very key by which a person's names are found later

AT_ONCE = 2_000
PLAIN = "sorae_"


def record(apps: Any, schema_editor: Any) -> None:
    """By account; the stores whose settings are off come last, as the others have not counted them.

    What would write over a name that is there is left out here, and named anew when it is told of next.
    """
    alias = schema_editor.connection.alias
    advocates = apps.get_model("referrals", "Advocate").objects.using(alias)
    store_settings = apps.get_model("klaviyo", "StoreSetting").objects.using(alias)
    names = apps.get_model("klaviyo", "PropertyName").objects.using(alias)
    for connection in store_settings.order_by("connection").values_list("connection", flat=True).distinct():
        for is_enabled in (True, False):
            stores = store_settings.filter(connection=connection, is_enabled=is_enabled).values_list("store", flat=True)
            people = advocates.filter(program__store__in=list(stores))
            _give(names, connection, people.order_by("-occurred_at", "-pk"), lambda slug: PLAIN)
            _give(names, connection, people.order_by("occurred_at", "pk"), _own)


def _give(names: Any, connection: int, people: Any, prefix_of: Callable[[str], str]) -> None:
    """A name to each who has none yet, unless it is given to the person already: then the first one keeps it.

    ON CONFLICT DO NOTHING: https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT
    """
    named = names.filter(connection=connection, advocate=OuterRef("pk"))
    rows = people.filter(~Exists(named)).exclude(email__endswith=f"@{suppressions.NOBODY}")
    for some in _in_batches(rows.values_list("pk", "email", "program__slug").iterator(AT_ONCE)):
        names.bulk_create(
            [
                names.model(connection_id=connection, advocate_id=pk, person=person_key.of(email), prefix=prefix)
                for pk, email, slug in some
                if (prefix := prefix_of(slug))
            ],
            ignore_conflicts=True,
        )


def _own(slug: str) -> str:
    """None for the program whose count of invites would stand where a person's no to invites does."""
    return "" if slug.replace("-", "_") == "no" else f"{PLAIN}{slug.replace('-', '_')}_"


def _in_batches(rows: Iterator[Any]) -> Iterator[list[Any]]:
    while some := list(islice(rows, AT_ONCE)):
        yield some


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0005_chores'),
        ('klaviyo', '0009_caps_by_mailbox'),
        ('referrals', '0005_tallies'),
    ]

    operations = [
        migrations.CreateModel(
            name='PropertyName',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person', models.CharField(help_text="The person's key: whose profile it is.", max_length=64)),
                ('prefix', models.CharField(max_length=128)),
                ('advocate', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='property_names', to='referrals.advocate')),
                ('connection', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='property_names', to='integrations.connection')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('connection', 'advocate'), name='one_prefix_per_advocate'), models.UniqueConstraint(fields=('person', 'connection', 'prefix'), name='one_advocate_per_prefix')],
            },
        ),
        migrations.RunPython(record, migrations.RunPython.noop),
    ]
