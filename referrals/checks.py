"""System checks: the database compares addresses by no language, whatever its own is."""

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core import checks
from django.db import connections
from django.db.utils import OperationalError

from referrals.models.addresses import AddressField

PROBLEM = (
    "The database takes the capital I for another letter than i, and compares {columns} by that: "
    "people would not be found whose address is written in capitals, not even to erase them."
)
HINT = (
    'Undo whatever changed the collation of these columns: each is "C" where manage.py migrate has made it '
    '(ALTER TABLE ... ALTER ... TYPE varchar(100) COLLATE "C"). Or use a database of another language.'
)
#: https://www.postgresql.org/docs/current/infoschema-columns.html: empty for the database's own collation
COLUMNS = """
SELECT table_name || '.' || column_name FROM information_schema.columns
WHERE table_schema = ANY (current_schemas(false)) AND table_name || '.' || column_name = ANY (%s)
AND collation_name IS DISTINCT FROM 'C' AND lower('I') <> 'i'
"""
ARE_MIGRATED = "SELECT count(*) FROM django_migrations WHERE app = 'referrals' AND name LIKE %s"


@checks.register(checks.Tags.database)
def addresses_are_compared_by_no_language(
    databases: Sequence[str] | None = None, **_kwargs: Any
) -> list[checks.CheckMessage]:
    """Asked by `migrate`, and by `check --database`; before the columns are there, nothing is amiss."""
    found = sorted(column for alias in databases or () for column in _by_language(connections[alias]))
    problem = PROBLEM.format(columns=", ".join(found))
    return [checks.Error(problem, hint=HINT, id="referrals.E001")] if found else []


def _by_language(connection: Any) -> list[str]:
    if connection.vendor != "postgresql":
        return []
    fields = [field for model in apps.get_app_config("referrals").get_models() for field in model._meta.local_fields]
    columns = [f"{one.model._meta.db_table}.{one.column}" for one in fields if isinstance(one, AddressField)]
    try:
        with connection.cursor() as cursor:
            if "django_migrations" not in connection.introspection.table_names(cursor):
                return []
            cursor.execute(ARE_MIGRATED, ["%\\_plain\\_addresses"])
            if not cursor.fetchone()[0]:
                return []
            cursor.execute(COLUMNS, [columns])
            return [column for (column,) in cursor.fetchall()]
    except OperationalError:  # that it cannot be reached is told by whoever needs it
        return []
