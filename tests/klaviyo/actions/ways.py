"""Ways to run an action, and what of its outcome must be the same over each of them."""

import json
from typing import Any

#: Of a run, not of what it did: and names that Klaviyo or we make anew each time.
OF_THE_RUN = ("request_ids", "took_ms")


def comparable(document: dict[str, Any]) -> dict[str, Any]:
    """An outcome without what differs from run to run; of its data the shape: names, and kinds of values."""
    found = {name: value for name, value in document.items() if name not in OF_THE_RUN}
    return found | {"data": shape(found.get("data"))}


def shape(value: Any) -> Any:
    match value:
        case dict():
            return {name: shape(inner) for name, inner in value.items()}
        case list():
            return [shape(inner) for inner in value]
        case _:
            return type(value).__name__


def as_json(given: dict[str, Any]) -> bytes:
    return json.dumps(given).encode()
