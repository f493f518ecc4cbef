"""Dry run: the requests as they would go. What would be read first is not read: `ID` stands for what it would find."""

import json
from collections.abc import Sequence
from typing import Any

from klaviyo.api import published
from klaviyo.api.rehearsal import Planned

ID = "ID"
STATUS = {"get_campaign": "Draft"}  # of which alone there is more to tell
OVER = "complete"


def stand_in(planned: Planned) -> Any:
    """What an answer might be, so that the next request shows."""
    operation = planned.operation
    type = published.find(operation.id).resource
    attributes = {"status": STATUS.get(operation.id, OVER)}
    one = {"type": type, "id": ID, "attributes": attributes}
    is_of_many = operation.method == "GET" and not operation.path.endswith("}")
    return {"data": [one] if is_of_many else one}


def told(planned: Sequence[Planned]) -> dict[str, Any]:
    """Each request with its operation, the scopes that it lacks, and how long it would wait for its turn."""
    return {"requests": [_told(one) for one in planned]}


def _told(one: Planned) -> dict[str, Any]:
    return {
        "operation": one.operation.id,
        "method": one.request.method,
        "address": one.request.address,
        "body": readable(one.request.content, one.request.headers.get("Content-Type", "")),
        "scopes": one.operation.scopes.split(),
        "lacks": list(one.lacks),
        "waits_seconds": round(one.wait.total_seconds(), 3),
    }


def readable(content: bytes | None, media_type: str) -> Any:
    """A body as JSON, or how large it is."""
    if not content:
        return None
    if "json" in media_type:
        try:
            return json.loads(content)
        except ValueError:
            return content.decode("utf-8", "replace")
    return f"{len(content)} bytes of {media_type.partition(';')[0]}"
