"""Quotas: how much of each operation's widest window is used at an account, by Klaviyo's headers and our own count."""

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from integrations import pacing
from integrations.models import Connection
from integrations.providers import Quota
from klaviyo.api.operation import Operation


def of(connection: Connection) -> list[Quota] | None:
    """Of every operation that Sorae asks by itself; None where this process cannot know what others count."""
    if not pacing.is_shared():
        return None
    found = []
    for operation in operations().values():
        counted = pacing.counts(f"{connection.pk}:{operation.id}", operation.windows)
        if counted is None:
            return None
        widest = max(range(len(operation.windows)), key=lambda at: operation.windows[at].seconds)
        found.append(Quota(operation.id, *counted[widest], operation.windows[widest].seconds))
    return sorted(found, key=lambda one: (-one.used / max(one.limit, 1), one.operation))


@cache
def operations() -> dict[str, Operation]:
    """Every operation that is declared, by its id."""
    package = __name__.rpartition(".")[0]
    modules = [
        importlib.import_module(f"{package}.{found.name}")
        for found in pkgutil.iter_modules([str(Path(__file__).parent)])
        if found.name != "quotas"
    ]
    declared = [value for module in modules for value in vars(module).values() if isinstance(value, Operation)]
    return {operation.id: operation for operation in declared}
