"""Rate limits of Klaviyo's operations: the share of each budget that is used up."""

from collections.abc import Iterable, Iterator

from integrations import pacing
from klaviyo.api.quotas import operations


def used(pairs: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, float]]:
    """(connection, operation, share from 0 to 1) of each pair of a connection and an operation, where it is known."""
    known = operations()
    for connection_id, name in pairs:
        if operation := known.get(name):
            share = pacing.used(f"{connection_id}:{name}", operation.windows)
            if share is not None:
                yield connection_id, name, share
