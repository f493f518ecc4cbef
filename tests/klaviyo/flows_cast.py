"""What operators and shops do in an account of their own, over Klaviyo's API: events, flows, and changes by hand."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from integrations.models import Connection
from klaviyo.api import flows, published, things
from klaviyo.api.client import Client
from klaviyo.api.things import Thing
from klaviyo.models import KitItem, StarterKit
from klaviyo.starter_kit import plan, turns
from klaviyo.starter_kit.plan import FLOWS

ALSO = ("flows", "metrics", "segments", "templates", "tags")


def tell(
    connection: Connection,
    metric: str,
    email: str = "ann@example.com",
    value: float | None = None,
    at: datetime | None = None,
    **properties: Any,
) -> None:
    """An event, as any app of the account's would tell it."""
    attributes: dict[str, Any] = {
        "properties": properties,
        "time": (at or timezone.now() - timedelta(minutes=1)).isoformat(),
        "unique_id": f"{metric}-{email}-{value}-{at}",
        "metric": {"data": {"type": "metric", "attributes": {"name": metric}}},
        "profile": {"data": {"type": "profile", "attributes": {"email": email}}},
    }
    body = {"data": {"type": "event", "attributes": attributes | ({"value": value} if value is not None else {})}}
    Client(connection).call(published.operation("create_event"), body=body)


def metric_id(connection: Connection, name: str) -> str:
    return next(one.id for one in flows.metrics(Client(connection)) if one.name == name)


def make_flow(connection: Connection, metric: str, name: str = "Welcome", status: str = "live") -> str:
    """A flow of the operator's own, which an event of the metric starts."""
    planned = next(one for one in FLOWS if one.metric and one.metric.name == metric)
    page = {"name": f"{name} mail", "editor_type": "CODE", "html": "<p>Hello</p>"}
    template = things.make(Client(connection), "template", page)
    attributes = plan.flow(planned, metric_id(connection, metric), template.id, ("", "")) | {"name": name}
    flow = things.make(Client(connection), "flow", attributes)
    set_flow(connection, flow.id, status)
    return flow.id


def flow_of(connection: Connection, trigger: dict[str, Any]) -> str:
    """A draft of the operator's own that does nothing yet, started by what they say."""
    definition = {"triggers": [trigger], "profile_filter": None, "actions": [], "entry_action_id": None}
    return things.make(Client(connection), "flow", {"name": "Theirs", "definition": definition}).id


def set_flow(connection: Connection, flow_id: str, status: str) -> None:
    change(connection, "flow", flow_id, status=status)


def change(connection: Connection, kind: str, id: str, **attributes: Any) -> None:
    body = {"data": {"type": kind, "id": id, "attributes": attributes}}
    Client(connection).call(published.operation(f"update_{kind}"), path={"id": id}, body=body)


def held(connection: Connection, kind: str) -> list[Thing]:
    """All things of a kind that the account holds."""
    client, found = Client(connection), []
    for document in [client.call(published.operation(f"get_{kind}s")).document]:
        found += [things._thing(kind, item) for item in document["data"]]
    return found


def work() -> None:
    """As workers do at starter kits, until there is nothing to do."""
    for _ in range(10):
        StarterKit.objects.exclude(wish="").update(next_look_at=None)
        if not turns.take_all():
            return


def states(connection: Connection) -> dict[str, str]:
    return dict(KitItem.objects.filter(kit__connection=connection).values_list("key", "state"))
