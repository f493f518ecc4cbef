"""Scopes of a private key: no provider tells them, so each is known once a request needed it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from integrations.errors import OperatorRequired
from integrations.models import Connection

MISSING = "permission_denied"  # the code of an OperatorRequired that says: a scope is missing


@contextmanager
def learning_scopes(connection: Connection, scopes: str) -> Iterator[None]:
    """Note on a key's connection what an answer says of the scopes that it needed, separated by spaces."""
    if not connection.has_key:
        yield
        return
    needed = frozenset(scopes.split())
    try:
        yield
    except OperatorRequired as error:
        unsettled = needed - connection.granted
        if error.code == MISSING and len(unsettled) == 1:  # of several the answer does not say which
            _note(connection, missing=unsettled)
        raise
    if needed - connection.granted:
        _note(connection, there=needed)


@transaction.atomic
def _note(connection: Connection, there: frozenset[str] = frozenset(), missing: frozenset[str] = frozenset()) -> None:
    """Under the row's lock: two workers may learn at once. Nothing is noted of a key that was replaced meanwhile."""
    rows = Connection.objects.select_for_update(no_key=True)
    row = rows.filter(pk=connection.pk, kind=Connection.Kind.PRIVATE_KEY, generation=connection.generation).first()
    if row is None:
        return
    known = (row.granted | there) - missing
    refused = (frozenset(row.refused_scopes.split()) | missing) - there
    connection.scopes, connection.refused_scopes = " ".join(sorted(known)), " ".join(sorted(refused))
    Connection.objects.filter(pk=row.pk).update(scopes=connection.scopes, refused_scopes=connection.refused_scopes)
