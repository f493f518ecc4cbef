"""Rate limits of Klaviyo's operations: the share of each budget that is used up."""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache

from integrations import pacing
from klaviyo import api
from klaviyo.api.operation import Operation


def used(pairs: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str, float]]:
    """(connection, operation, share from 0 to 1) of each pair of a connection and an operation, where it is known."""
    known = operations()
    for connection_id, name in pairs:
        if operation := known.get(name):
            share = pacing.used(f"{connection_id}:{name}", operation.windows)
            if share is not None:
                yield connection_id, name, share


@cache
def operations() -> dict[str, Operation]:
    """Every operation that is declared, by its id."""
    modules = [importlib.import_module(f"{api.__name__}.{found.name}") for found in pkgutil.iter_modules(api.__path__)]
    declared = [value for module in modules for value in vars(module).values() if isinstance(value, Operation)]
    return {operation.id: operation for operation in declared}
