"""Scopes that a connection was granted, against what an operation needs."""

from integrations.models import Connection
from klaviyo.api.operation import Operation


def lacking(connection: Connection, operation: Operation) -> tuple[str, ...]:
    """The scopes of an operation that are known not to be granted. Of a connection of which nobody knows: none."""
    granted = connection.granted
    return tuple(scope for scope in operation.scopes.split() if scope not in granted) if granted else ()
