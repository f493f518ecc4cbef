"""Routes: from a method and a path to the operation that answers it."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from klaviyo.sandbox.protocol.errors import Problem, Refusal
from klaviyo.sandbox.resources.operations import OPERATIONS, Operation

_BY_LENGTH: dict[int, list[tuple[list[str], Operation]]] = {}
for _operation in OPERATIONS:
    _parts = _operation.path.split("/")
    _BY_LENGTH.setdefault(len(_parts), []).append((_parts, _operation))


@dataclass(frozen=True)
class Route:
    """An operation and the ids in its path."""

    operation: Operation
    ids: Mapping[str, str]


def find(method: str, path: str) -> Route:
    """The operation for a request; Refusal with 404 for an unknown path, 405 for a wrong verb."""
    parts = path.split("/")
    allowed: set[str] = set()
    for pattern, operation in _BY_LENGTH.get(len(parts), []):
        ids = _match(pattern, parts)
        if ids is None:
            continue
        if operation.method == method:
            return Route(operation, ids)
        allowed.add(operation.method)
    if allowed:
        wrong = Problem(405, "method_not_allowed", "Method not allowed.", f'Method "{method}" not allowed.')
        raise Refusal(wrong, headers={"Allow": ", ".join(sorted(allowed))})
    raise Refusal(Problem(404, "not_found", "Not found.", f"The path {path} could not be found."))


def _match(pattern: list[str], parts: list[str]) -> dict[str, str] | None:
    ids: dict[str, str] = {}
    for expected, part in zip(pattern, parts, strict=True):
        if expected.startswith("{"):
            if not part:
                return None
            ids[expected[1:-1]] = unquote(part)
        elif expected != part:
            return None
    return ids
