"""Savepoints with the first statement: what breaks off leaves nothing, and what was before it stays."""

from typing import Any

import pytest
from django.db import DataError, transaction
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from integrations import savepoints
from integrations.models import Connection

pytestmark = pytest.mark.django_db(transaction=True)
called: list[str] = []


def connect(account_id: str, **more: Any) -> Connection:
    return Connection.objects.create(provider="teapot", account_id=account_id, **more)


def break_off(account_id: str) -> None:
    connect(account_id)
    transaction.on_commit(lambda: called.append(account_id))
    with savepoints.with_the_first_statement():
        known()
    raise RuntimeError


def break_off_with_it(account_id: str) -> None:
    with savepoints.with_the_first_statement():
        break_off(account_id)


def known() -> set[str]:
    return set(Connection.objects.values_list("account_id", flat=True))


def test_what_breaks_off_is_undone_and_the_rest_goes_on() -> None:
    with transaction.atomic():
        connect("before")
        with pytest.raises(RuntimeError):
            break_off_with_it("inside")
        connect("after")
    assert known() == {"before", "after"}


def test_a_statement_that_the_database_refuses_breaks_nothing_else() -> None:
    broken = "SELECT 1 / 0" if database.vendor == "postgresql" else "SELECT * FROM nothing"
    with transaction.atomic():
        connect("before")
        with pytest.raises(Exception, match=r"zero|nothing"), savepoints.with_the_first_statement():
            database.cursor().execute(broken)
        connect("after")
    assert known() == {"before", "after"}


def test_a_row_that_cannot_be_saved_breaks_nothing_else() -> None:
    """Which Django takes for the end of the whole transaction, where there is no savepoint."""
    with transaction.atomic():
        connect("before")
        with pytest.raises((DataError, ValueError)), savepoints.with_the_first_statement():
            connect("in\0side" if database.vendor == "postgresql" else "inside", generation="no number")
        connect("after")
    assert known() == {"before", "after"}


def test_one_in_another_and_many_at_once() -> None:
    with transaction.atomic():
        with savepoints.with_the_first_statement():
            with database.cursor() as cursor:
                cursor.executemany(
                    "UPDATE integrations_connection SET account_id = %s WHERE account_id = %s", [("b", "a"), ("c", "b")]
                )
            connect("outer")
            with pytest.raises(RuntimeError):
                break_off_with_it("inner")
        with savepoints.with_the_first_statement():
            assert [row.account_id for row in Connection.objects.iterator()] == ["outer"]
    assert known() == {"outer"}


def test_what_was_to_follow_the_commit_does_not_follow_what_broke_off() -> None:
    called.clear()
    with transaction.atomic():
        with pytest.raises(RuntimeError):
            break_off_with_it("inside")
        with savepoints.with_the_first_statement():
            connect("kept")
            transaction.on_commit(lambda: called.append("kept"))
    assert called == ["kept"]


def test_it_costs_one_statement_on_postgresql_and_none_where_nothing_is_asked() -> None:
    with transaction.atomic():
        with CaptureQueriesContext(database) as captured, savepoints.with_the_first_statement():
            known()
        assert len(captured) == (2 if database.vendor == "postgresql" else 3)
        with CaptureQueriesContext(database) as captured, savepoints.with_the_first_statement():
            pass
        assert len(captured) == (0 if database.vendor == "postgresql" else 2)
