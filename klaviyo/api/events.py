"""Events: https://developers.klaviyo.com/en/reference/events_api_overview."""

from collections.abc import Sequence
from typing import Any

from integrations.models import Delivery
from klaviyo.api.client import Client, LastLook
from klaviyo.api.operation import Operation

CREATE_EVENT = Operation("create_event", "POST", "/api/events", "events:write", 350, 3500, success=(202,))


def create(
    client: Client, body: dict[str, Any], deliveries: Sequence[Delivery] = (), last_look: LastLook | None = None
) -> None:
    """Record one event. Klaviyo keeps the first of each (profile, metric, unique_id): sending again is safe."""
    client.call(CREATE_EVENT, body=body, deliveries=deliveries, last_look=last_look)
