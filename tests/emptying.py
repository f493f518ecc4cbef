"""What a test has committed is deleted after it: quicker than Django's flush, which rebuilds every table's files.

What migrations put in (content types, permissions) stays, so nothing has to be made again.
"""

from time import monotonic

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.test import TransactionTestCase

KEPT = {ContentType._meta.db_table, Permission._meta.db_table}


def of_all_rows() -> None:
    """Delete every row of every table that tests write to, whatever refers to it."""
    tables = sorted({model._meta.db_table for model in apps.get_models(include_auto_created=True)} - KEPT)
    deletions = [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]
    if connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(";".join(["SET LOCAL session_replication_role = replica", *deletions]))
        return
    with connection.constraint_checks_disabled(), transaction.atomic(), connection.cursor() as cursor:
        for deletion in deletions:
            cursor.execute(deletion)


def instead_of_flush() -> None:
    """Have Django's own test case, which pytest-django uses, do this, and keep its connection for the next test.

    A new one costs PostgreSQL more than most tests: it has to read about every table again.
    """
    TransactionTestCase._fixture_teardown = lambda _: of_all_rows()  # type: ignore[attr-defined]
    TransactionTestCase._should_reload_connections = lambda _: not _goes_on()  # type: ignore[attr-defined]


def _goes_on() -> bool:
    """Whether the connection can be used as a new one could, for as long as a new one would be."""
    is_sound = not (connection.errors_occurred or connection.needs_rollback) and connection.get_autocommit()
    if not is_sound or not connection.is_usable():
        return False
    longest = connection.settings_dict["CONN_MAX_AGE"]
    connection.close_at = None if longest is None else monotonic() + longest
    return True
