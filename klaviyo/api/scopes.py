"""Scopes that a connection was granted, against what an operation needs."""

from integrations.models import Connection
from klaviyo.api.operation import Operation


def lacking(connection: Connection, operation: Operation) -> tuple[str, ...]:
    """The scopes of an operation that are known not to be granted. Of a connection of which nobody knows: none."""
    if not (connection.granted or connection.has_key):
        return ()
    missing = set(connection.lacks(operation.scopes.split()))
    return tuple(scope for scope in operation.scopes.split() if scope in missing)
