"""What a test has committed is deleted after it: quicker than Django's flush, which rebuilds every table's files.

What migrations put in (content types, permissions) stays, so nothing has to be made again.
"""

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
    """Have Django's own test case, which pytest-django uses, do this."""
    TransactionTestCase._fixture_teardown = lambda _: of_all_rows()  # type: ignore[attr-defined]
