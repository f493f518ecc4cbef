"""Addresses are compared in one way, whatever language the database speaks: see `referrals.models.addresses`.

PostgreSQL rebuilds the indexes of these columns, and leaves the rows as they are:
https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-NOTES
"""

from typing import Any

from django.db import IntegrityError, migrations
from django.db.models import Count, F, Func, TextField

from referrals.models.addresses import AddressField

AT_MOST = 10
#: What is unique, as far as two capitals are one letter: the model, the other column, and the address.
UNIQUE = [("Advocate", "program", "email"), ("Invite", "advocate", "recipient_email")]


def refuse_doubles(apps: Any, schema_editor: Any) -> None:
    """Where lower('I') is not i, one person may have been stored twice; who is who only somebody can say."""
    if schema_editor.connection.vendor != "postgresql" or _knows_small_i(schema_editor.connection):
        return
    for name, within, field in UNIQUE:
        rows = apps.get_model("referrals", name).objects.using(schema_editor.connection.alias)
        lower = Func(F(field), template='LOWER(%(expressions)s COLLATE "C")', output_field=TextField())
        doubles = rows.annotate(plain=lower).values(within, "plain").annotate(rows=Count("pk")).filter(rows__gt=1)
        found = [
            sorted(rows.annotate(plain=lower).filter(plain=one["plain"], **{within: one[within]}).values_list("pk", flat=True))
            for one in doubles[:AT_MOST]
        ]
        if found:
            raise IntegrityError(
                f"Some addresses are stored twice, once in capitals and once in small letters, as this database takes I "
                f"for another letter than i. In {rows.model._meta.db_table} these rows are one, by their ids: "
                f"{'; '.join(', '.join(map(str, pks)) for pks in found)}{' ...' if len(doubles) > AT_MOST else ''}. "
                f"Erase the person, or give the row that is not needed another address; then migrate again. "
                f"Nothing was changed."
            )


def _knows_small_i(connection: Any) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT lower('I') = 'i'")
        return bool(cursor.fetchone()[0])


def address(model: str, name: str, words: str) -> migrations.AlterField:
    return migrations.AlterField(model, name, AddressField(max_length=100, verbose_name=words))


class Migration(migrations.Migration):

    dependencies = [
        ("referrals", "0006_numbers_without_a_country"),
    ]

    operations = [
        migrations.RunPython(refuse_doubles, migrations.RunPython.noop),
        address("advocate", "email", "e-mail"),
        address("conversion", "friend_email", "friend's e-mail"),
        address("invite", "recipient_email", "friend's e-mail"),
        address("optin", "email", "e-mail"),
        address("optout", "email", "e-mail"),
        address("reward", "recipient_email", "recipient's e-mail"),
        address("submission", "email", "e-mail"),
    ]
