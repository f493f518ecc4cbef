"""Savepoints that cost no statement of their own: one travels with the first statement that comes after it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from django.db import connection as database
from django.db import transaction


@contextmanager
def with_the_first_statement() -> Iterator[None]:
    """As transaction.atomic() inside a transaction: what breaks off leaves nothing of itself, and the rest goes on.

    Where no statement is made there is no savepoint either.
    """
    if database.vendor != "postgresql" or not database.in_atomic_block or database.needs_rollback:
        with transaction.atomic():
            yield
        return
    savepoint = _Savepoint()
    database.savepoint_ids.append(savepoint.id)
    try:
        with database.execute_wrapper(savepoint):
            yield
    except BaseException:
        savepoint.end(keep=False)
        raise
    savepoint.end(keep=not database.needs_rollback)


class _Savepoint:
    """A wrapper of statements: https://docs.djangoproject.com/en/5.2/topics/db/instrumentation/"""

    def __init__(self) -> None:
        self.id = f"first_{uuid4().hex}"
        self._is_set = False

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if self._is_set:
            return execute(sql, params, many, context)
        self._is_set = True
        if many or not isinstance(sql, str) or context["cursor"].name:  # a named one's statement is part of another
            with database.cursor() as cursor:
                cursor.execute(f"SAVEPOINT {self.id}")
            return execute(sql, params, many, context)
        try:
            # https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-MULTI-STATEMENT
            return execute(f"SAVEPOINT {self.id}; {sql}", params, many, context)
        except Exception:
            self._is_set = _has_been_refused()
            raise

    def end(self, *, keep: bool) -> None:
        """As Django's own ends: https://docs.djangoproject.com/en/5.2/topics/db/transactions/#savepoints"""
        database.savepoint_ids.remove(self.id)
        if database.closed_in_transaction:
            return
        if not self._is_set:
            database.needs_rollback = False  # nothing of ours was done
        elif keep:
            database.savepoint_commit(self.id)
        else:
            database.needs_rollback = False
            database.savepoint_rollback(self.id)


def _has_been_refused() -> bool:
    """Whether PostgreSQL was asked at all: a value that cannot be written down stays with the driver.

    https://www.psycopg.org/docs/extensions.html#transaction-status-constants
    """
    driver: Any = getattr(database, "Database")  # noqa: B009  (Django's types do not know of it)
    return bool(database.connection.info.transaction_status == driver.extensions.TRANSACTION_STATUS_INERROR)
